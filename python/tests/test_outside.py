"""Calls from outside of the workers, against a penknife that does what a script says."""
from __future__ import annotations

import os
import socket
import struct
import sys
import tempfile
import threading
import unittest
from unittest import mock

import penknife
from penknife import calls, outside

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"


def frame(status: int, body: bytes) -> bytes:
    return struct.pack("<IB3x", len(body), status) + body


class OutsideTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "s")
        self.greeting = SWITCHED
        self.script = []  # of what answers a request: bytes; "" closes after it was read, None instead of reading the next one
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.threads = [threading.Thread(target=self.serve)]
        self.threads[0].start()
        self.way = outside.Way(self.path)
        self.environ = mock.patch.dict(os.environ, {outside.VARIABLE: self.path})
        self.environ.start()
        self.modules = mock.patch.dict(sys.modules)  # other tests load an accelerator
        self.modules.start()
        sys.modules.pop("penknife._accel", None)

    def tearDown(self):
        self.environ.stop()
        self.modules.stop()
        self.way._forked()
        outside._ways.clear()
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()
        self.dir.cleanup()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self.talk, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def talk(self, connection):
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                part = connection.recv(1)
                if not part:
                    return
                head += part
            if self.script and self.script[0] is None:
                self.script.pop(0)
                connection.shutdown(socket.SHUT_RD)
                connection.sendall(self.greeting)
                return
            connection.sendall(self.greeting)
            while self.greeting == SWITCHED:
                request = connection.recv(8, socket.MSG_WAITALL)
                if len(request) < 8:
                    return
                left = struct.unpack("<I", request[:4])[0]
                while left:
                    left -= len(connection.recv(min(left, 65536)))
                answer = self.script.pop(0) if self.script else b""
                if answer == "":
                    return
                connection.sendall(answer)
                if self.script and self.script[0] is None:
                    self.script.pop(0)
                    return

    def call(self, payload=b"p", timeout=5.0):
        return self.way.call(1, payload, timeout)

    def test_one_connection_for_calls_in_a_row(self):
        self.script[:] = [frame(1, b"x" * 300000), frame(2, b"")]
        self.assertEqual(self.call(b"k" * 500000), (1, b"x" * 300000))
        self.assertEqual(self.call(), (2, b""))
        self.assertEqual(self.connections, 1)

    def test_a_connection_that_was_closed_meanwhile(self):
        self.script[:] = [frame(1, b"one"), None]
        self.assertEqual(self.call(), (1, b"one"))
        self.threads[1].join()
        self.script[:] = [frame(1, b"two")]
        self.assertEqual(self.call(), (1, b"two"))
        self.assertEqual(self.connections, 2)

    def test_an_end_in_the_middle_is_not_repeated(self):
        self.script[:] = [""]
        with self.assertRaisesRegex(OSError, "may have been done"):
            self.call()
        for cut in range(1, 12):
            self.script[:] = [frame(1, b"abcd")[:cut], None]
            with self.assertRaises(OSError):
                self.call()
        self.assertEqual(self.connections, 12)
        self.script[:] = [struct.pack("<IB3x", 0xFFFFFFFF, 1)]
        with self.assertRaisesRegex(OSError, "nonsense"):
            self.call()

    def test_time(self):
        with self.assertRaises(TimeoutError):
            self.call(timeout=0.05)
        with self.assertRaises(penknife.CallTimeout), mock.patch.object(calls, "timeout", 0.05):
            calls.call(calls.GET, b"")

    def test_a_server_that_is_leaving(self):
        self.script[:] = [None] * 10
        with self.assertRaisesRegex(penknife.NotRunning, "stopping"):
            self.call()

    def test_refusals(self):
        for greeting, want in (
            (b"HTTP/1.1 403 Forbidden\r\n\r\nonly root may\n", "only root may"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "older"),
            (b"HTTP/1.1 426 Upgrade Required\r\n\r\nstart it anew\n", "start it anew"),
            (b"SSH-2.0 " * 4000, "not an answer of penknife"),
        ):
            self.greeting = greeting
            with self.assertRaisesRegex(penknife.NotRunning, want):
                self.call()

    def test_a_socket_of_another_user(self):
        strange = mock.Mock(size=12, unpack=lambda data: (1, 77, 77))
        with mock.patch.object(outside, "_CREDENTIALS", strange), mock.patch("os.geteuid", return_value=78):
            with self.assertRaisesRegex(penknife.NotRunning, "another user"):
                self.call()
        self.script[:] = [frame(1, b"")]
        with mock.patch.object(outside, "_CREDENTIALS", strange), mock.patch("os.geteuid", return_value=77):
            self.assertEqual(self.call(), (1, b""))

    def test_nobody(self):
        for value, want in (("", "penknife exec"), ("off", "control.listen"), (self.path + ".no", "no penknife answers on"),
                            ("@penknife-no-such-socket", "no penknife answers on")):
            with mock.patch.dict(os.environ, {outside.VARIABLE: value}):
                with self.assertRaisesRegex(penknife.NotRunning, want):
                    calls.call(calls.GET, b"")
                self.assertEqual(outside.configured(), value not in ("", "off"))


if __name__ == "__main__":
    unittest.main()
