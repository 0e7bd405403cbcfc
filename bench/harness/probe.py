"""Single requests with the standard library's client: whether the answer is right, and how large it is on the wire."""

import http.client
import io
import socket
import time
from dataclasses import dataclass


class _CountingReader(io.RawIOBase):
    """The read side of a socket that counts what passes."""

    def __init__(self, sock):
        self.sock, self.count = sock, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        n = self.sock.recv_into(buffer)
        self.count += n
        return n


class _CountingSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, sock):
        self.sock, self.reader = sock, _CountingReader(sock)

    def sendall(self, data):
        self.sock.sendall(data)

    def makefile(self, *_, **__):
        return io.BufferedReader(self.reader)

    def close(self):
        """Nothing: http.client closes before it reads a body that ends with the connection. ask() closes."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    wire_size: int  # bytes that came, head and framing included
    closed: bool  # whether the server said that it closes the connection


def ask(port, case, path=None, timeout=5.0):
    """Makes one request on a connection of its own, with the headers that the load has. Raises OSError or
    http.client.HTTPException."""
    work = case.work
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    sock = socket.create_connection(("127.0.0.1", port), timeout)
    connection.sock = counted = _CountingSocket(sock)
    try:
        headers = {"Content-Type": "application/octet-stream"} if work.upload else {}
        headers.update(header.split(": ", 1) for header in case.topology.headers)
        connection.request(work.method, path or work.path, body=work.body or None, headers=headers)
        response = connection.getresponse()
        body = response.read()
        return Answer(response.status, body, counted.reader.count, response.will_close)
    finally:
        sock.close()


def wait_ready(port, case, server, seconds):
    """Waits for the first right answer; says in the end what was wrong, or "" if all is well."""
    deadline, problem = time.monotonic() + seconds, "never tried"
    while time.monotonic() < deadline:
        if not server.alive():
            return "the server ended: " + server.tail()
        try:
            answer = ask(port, case, timeout=2.0)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if answer.status == 200:
                return ""
            problem = f"status {answer.status}"
        time.sleep(0.05)
    return f"not ready after {seconds:g} s ({problem}): {server.tail()}"


def check(port, case, expected_digest):
    """Compares whole bodies. Gives (wire size, problem)."""
    work = case.work
    try:
        answer = ask(port, case)
        if answer.status != 200 or answer.body != work.expect:
            return answer.wire_size, f"wrong answer: status {answer.status}, {len(answer.body)} bytes"
        if case.topology.closes and not answer.closed:
            return answer.wire_size, "kept a connection that was to be closed"
        if work.upload:
            uploaded = ask(port, case, path="/digest")
            if uploaded.body != expected_digest:
                return answer.wire_size, "the upload reached the application changed"
        return answer.wire_size, ""
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"


def fresh_connection_ms(port, case, timeout):
    """Times one request of a new client while others keep the server busy: milliseconds, None if it got no answer in
    time, and whether the answer, if there was one, was right."""
    start = time.monotonic()
    try:
        answer = ask(port, case, timeout=timeout)
    except (OSError, http.client.HTTPException):
        return None, True
    took = (time.monotonic() - start) * 1000
    return took if answer.status == 200 else None, answer.status == 200 and answer.body == case.work.expect
