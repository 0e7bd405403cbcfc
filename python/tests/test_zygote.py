import array
import importlib.util
import os
import resource
import select
import signal
import socket
import struct
import sys
import unittest
from importlib.machinery import ExtensionFileLoader

PATH = os.environ.get("PENKNIFE_ACCEL", os.path.join(os.path.dirname(__file__), "..", "dist", "_accel.abi3.so"))
NOBODY = 65534


def load():
    spec = importlib.util.spec_from_loader("penknife._accel", ExtensionFileLoader("penknife._accel", PATH))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def order(birth=1, worker=0, strict=0):
    return struct.pack("<QII", birth, worker, strict)


class Orders(unittest.TestCase):
    """The accelerator's next_worker, in a zygote that the test forks."""

    def setUp(self):
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.ours.settimeout(20)
        # What a worker tells comes out of this pipe.
        self.told, self.tell = os.pipe()
        self.addCleanup(os.close, self.told)

    def zygote(self, before=None, prepare=lambda: None):
        accel = load()
        pid = os.fork()
        if pid != 0:
            self.addCleanup(self.bury, pid)
            self.theirs.close()
            os.close(self.tell)
            return
        status = 1
        try:
            self.ours.close()
            prepare()
            fds = len(os.listdir("/proc/self/fd"))
            found = accel.next_worker(self.theirs.fileno(), before)
            if found is None:
                status = 0 if len(os.listdir("/proc/self/fd")) == fds else 5
            else:
                number, strict, fds = found
                own = os.getpgrp() == os.getpid()
                os.write(self.tell, f"{number} {strict} {own} {[os.read(fd, 9).decode() for fd in fds]}\n".encode())
                status = 0
        except BaseException as error:
            os.write(self.tell, f"{type(error).__name__}: {error}\n".encode())
            status = 3
        finally:
            os._exit(status)

    def bury(self, pid):
        self.ours.close()
        _, status = os.waitpid(pid, 0)
        self.assertIn(os.waitstatus_to_exitcode(status), (0, 3))

    def give(self, data, count=5):
        pipes = [os.pipe() for _ in range(count)]
        for index, (_, writer) in enumerate(pipes):
            os.write(writer, b"fd %d" % index)
            os.close(writer)
        readers = [reader for reader, _ in pipes]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", readers))] if readers else []
        self.ours.sendmsg([data], rights)
        for reader in readers:
            os.close(reader)

    def heard(self):
        with os.fdopen(os.dup(self.told)) as told:
            return told.read()

    def test_each_order_is_a_worker(self):
        self.zygote()
        for birth, strict in ((7, 0), (1 << 40, 1)):
            self.give(order(birth, 3, strict))
            kind, back, pid = struct.unpack("<cQI", self.ours.recv(100))
            self.assertEqual((kind, back), (b"P", birth))
            self.assertGreater(pid, 1)
        self.ours.close()
        fds = "['fd 0', 'fd 1', 'fd 2', 'fd 3', 'fd 4']"
        self.assertEqual(sorted(self.heard().splitlines()), [f"3 False True {fds}", f"3 True True {fds}"])

    def test_what_is_to_happen_before_a_fork_happens_in_the_zygote(self):
        self.zygote(before=lambda: os.write(self.tell, b"before\n"))
        for birth in (1, 2):
            self.give(order(birth))
            self.ours.recv(100)
        self.ours.close()
        self.assertEqual(self.heard().count("before"), 2)

    def test_a_fork_that_fails_leaves_no_descriptors(self):
        """At the limit of processes the zygote is asked again and again, for as long as that lasts."""

        def none_left():
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            if os.geteuid() == 0:
                os.setuid(NOBODY)  # the limit is not for root

        self.zygote(prepare=none_left)
        for birth in range(3):
            self.give(order(birth))
            answer = self.ours.recv(200)
            self.assertEqual(struct.unpack("<cQ", answer[:9]), (b"X", birth))
            self.assertEqual(answer[9:], b"Resource temporarily unavailable")
        self.ours.close()
        self.assertEqual(self.heard(), "")

    def test_signals_are_handled_while_it_waits(self):
        def raising(number, frame):
            raise KeyError("signal")

        def prepare():
            signal.signal(signal.SIGALRM, raising)
            signal.setitimer(signal.ITIMER_REAL, 0.01)

        self.zygote(prepare=prepare)
        self.assertEqual(self.heard(), "KeyError: 'signal'\n")

    def test_a_signal_of_the_fork_is_handled_at_once(self):
        def prepare():
            signal.signal(signal.SIGCHLD, lambda number, frame: os.write(self.tell, b"SIGCHLD\n"))

        self.zygote(prepare=prepare)
        self.give(order())
        self.ours.recv(100)
        heard = b""
        while b"SIGCHLD\n" not in heard:  # the zygote waits for the next order
            self.assertEqual(select.select([self.told], [], [], 10)[0], [self.told])
            heard += os.read(self.told, 1000)

    def test_other_orders_are_errors(self):
        for data, count in ((order()[:-1], 5), (order() + b"?", 5), (order(), 4), (order(), 6), (order(), 0)):
            with self.subTest(size=len(data), descriptors=count):
                self.setUp()
                self.zygote()
                self.give(data, count)
                self.assertIn("RuntimeError: penknife: an order of", self.heard())
                self.doCleanups()


if __name__ == "__main__":
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
    unittest.main()
