"""The accelerator's side of calls, cells and copies, against a penknife that answers what a script says. Run with an
accelerator that was built with -fsanitize=address, it shows that no answer makes it read or write elsewhere."""
from __future__ import annotations

import importlib.util
import os
import random
import socket
import struct
import threading
import unittest
from importlib.machinery import ExtensionFileLoader

PATH = os.environ.get("PENKNIFE_ACCEL", os.path.join(os.path.dirname(__file__), "..", "dist", "_accel.abi3.so"))


def load():
    spec = importlib.util.spec_from_file_location(
        "penknife._accel", PATH, loader=ExtensionFileLoader("penknife._accel", PATH)
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frame(status: int, body: bytes) -> bytes:
    return struct.pack("<IB3x", len(body), status) + body


def fnv(key: bytes) -> int:
    value = 14695981039346656037
    for byte in key:
        value = ((value ^ byte) * 1099511628211) % 2**64
    return value


class CallTest(unittest.TestCase):
    def setUp(self):
        self.accel = load()
        self.script = []  # of (answer, descriptors, whether the channel closes after it)
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.accel.calls(self.theirs.fileno())
        self.threads = [threading.Thread(target=self.serve)]
        self.threads[0].start()

    def tearDown(self):
        # A descriptor that nobody listens on: the next call of this thread opens a channel of its own again.
        self.script[:] = [(b"", [], True)]
        self.fails(OSError, self.accel.call, 1, b"", 1.0)
        self.theirs.close()
        for thread in self.threads:
            thread.join()
        self.ours.close()

    def serve(self):
        while True:
            data, fds, _flags, _address = socket.recv_fds(self.ours, 10, 4)
            if not data:
                return
            channel = socket.socket(fileno=fds[0])
            channel.setblocking(True)
            self.threads.append(threading.Thread(target=self.talk, args=(channel,)))
            self.threads[-1].start()

    def talk(self, channel):
        with channel:
            while True:
                head = channel.recv(8, socket.MSG_WAITALL)
                if len(head) < 8:
                    return
                left = struct.unpack("<I", head[:4])[0]
                while left:
                    left -= len(channel.recv(min(left, 65536)))
                if not self.script:
                    return
                answer, fds, close = self.script.pop(0)
                if fds:
                    socket.send_fds(channel, [answer], fds)
                elif answer:
                    channel.sendall(answer)
                if close:
                    return

    def fails(self, kind, function, *args):
        with self.assertRaises(kind):
            function(*args)

    def test_answers(self):
        self.script[:] = [(frame(1, b"x" * 300000), [], False), (frame(2, b""), [], False)]
        self.assertEqual(self.accel.call(1, b"k" * 500000, 5.0), (1, b"x" * 300000))
        self.assertEqual(self.accel.call(1, b"", 5.0), (2, b""))
        for cut in range(12):
            self.script[:] = [(frame(1, b"abcd")[:cut], [], True)]
            self.fails(OSError, self.accel.call, 1, b"", 5.0)
        self.script[:] = [(struct.pack("<IB3x", 0xFFFFFFFF, 1), [], True)]
        self.fails(OSError, self.accel.call, 1, b"", 5.0)
        self.script[:] = [(b"", [], False)]
        self.fails(TimeoutError, self.accel.call, 1, b"", 0.05)
        for timeout in (0, -1, float("nan"), float("inf")):
            self.fails(ValueError, self.accel.call, 1, b"", timeout)

    def test_descriptors_that_nobody_asked_for_are_closed(self):
        reader, writer = os.pipe()
        self.script[:] = [(frame(1, b""), [], False)]
        self.accel.call(1, b"", 5.0)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            self.script[:] = [(frame(1, b"12345678"), [reader], False)]
            self.accel.call(1, b"", 5.0)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        os.close(reader)
        os.close(writer)

    def test_threads_close_their_channels(self):
        def work():
            self.script[:] = [(frame(1, b""), [], False)]
            self.accel.call(1, b"", 5.0)

        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        for thread in self.threads[1:]:
            thread.join()
        for _ in range(500):  # the kernel's thread ends a moment after Python's
            if len(os.listdir("/proc/self/fd")) == before:
                return
            threading.Event().wait(0.01)
        self.fail(os.listdir("/proc/self/fd"))

    def test_memory_that_is_something_else(self):
        reader, writer = os.pipe()
        empty = os.memfd_create("x")
        for function in (self.accel.cells_open, self.accel.peek_open):
            for body, fd in ((b"", reader), (b"\xff" * 8, reader), (struct.pack("<Q", 10), empty)):
                self.script[:] = [(frame(1, body), [fd], False)]
                self.fails(OSError, function, 1, 5.0)
        for fd in (reader, writer, empty):
            os.close(fd)

    def test_noise_in_the_copies(self):
        """Whatever the memory has, nothing beyond it is read, and what is not the key's is not given."""
        words, ring = 64, 1 << 20
        base = 4096 + words * 8
        memory = os.memfd_create("copies")
        os.ftruncate(memory, base + ring)
        os.pwrite(memory, struct.pack("<QQQQ", 0x31524F5252494D50, 1, words, ring), 0)
        self.script[:] = [(frame(1, b""), [memory], False)]
        self.accel.peek_open(1, 5.0)
        chance = random.Random(2)
        for i in range(3000):
            key = b"%d" % (i % 50)
            hashed = fnv(key)
            position = chance.choice([chance.randrange(ring // 8), ring // 8 - chance.randrange(1, 8)])
            word = struct.pack("<Q", (hashed >> 48 << 48) | position)
            os.pwrite(memory, word, 4096 + (hashed % (words // 8)) * 64)
            length = chance.choice([0, 5, 2**20, 2**32 - 1, chance.randrange(2**21)])
            record = struct.pack("<QQqII", hashed, 0, 2**62, len(key), length) + key.ljust(8, b"\0")
            os.pwrite(memory, record[: max(0, ring - position * 8)], base + position * 8)
            found = self.accel.peek(key.decode())
            if position * 8 + 40 + length <= ring:
                self.assertEqual(len(found), length)
            else:
                self.assertIsNone(found)
            os.pwrite(memory, struct.pack("<Q", 1), 64)  # another epoch: no copy counts
            self.assertIsNone(self.accel.peek(key))
            os.pwrite(memory, struct.pack("<Q", 0), 64)
        for key in ("\ud800", 5, b"", None):
            self.assertIsNone(self.accel.peek(key))
        os.close(memory)


class CellsTest(unittest.TestCase):
    def test_cells_that_do_not_exist(self):
        accel = load()
        for index in (-1, 0, 2**62):
            accel.cell_add(index, 1.5)
            accel.cell_set(index, 2.0)
            accel.cell_observe(index, 0, 1.0)
            self.assertEqual(accel.cell_get(index), 0.0)


if __name__ == "__main__":
    unittest.main()
