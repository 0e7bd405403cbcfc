"""Calls of processes that are no workers: what `penknife exec` has started, daemons and jobs of the configuration, and what
they start. They go to the control socket of the penknife that runs, which takes only root and its own user, and there
switch from HTTP to the channel of python/accel/call.c (control/calls.go).

A connection carries one call at a time; free ones are kept, for any thread. When penknife was restarted or has handed
over to a successor, the next call connects anew.
"""
from __future__ import annotations

import os
import socket
import struct
import time
import weakref

from penknife import NotRunning

VARIABLE = "_PENKNIFE_CALLS"
"""The control socket: a path, "@name" for an abstract one, or "off". python/outside.go has the same name."""

STRANGER = (
    "this process was not started by penknife; start it with `penknife exec -- COMMAND`, with the same --config or listeners as "
    "penknife serve"
)

_PROTOCOL = b"penknife-calls/1"  # as in control/calls.go
_HEAD = struct.Struct("<IB3x")
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7)
_MAX_ANSWER = 256 << 20  # far beyond what penknife sends: what is above is no answer of it
_MAX_HTTP = 16384
_ATTEMPTS = 3


def configured() -> bool:
    """Tell whether this process knows of a penknife."""
    return os.environ.get(VARIABLE, "") not in ("", "off")


class _Unsent(Exception):
    """The connection was closed before all of the request was sent: nobody can have done it."""


class _Connection:
    """A connection that was switched to calls. Every wait ends at a deadline with TimeoutError."""

    def __init__(self, path: str, deadline: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect(path, deadline)
            self._switch(path, deadline)
        except ConnectionError:  # one that is leaving; a successor may be there already
            self.close()
            raise _Unsent from None
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def _until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)

    def _connect(self, path: str, deadline: float) -> None:
        self._until(deadline)
        own = os.geteuid()
        try:
            self.socket.connect("\0" + path[1:] if path.startswith("@") else path)
        except PermissionError:
            raise NotRunning(
                f"{path}: only root and the user that penknife runs as may call it; this process is of uid {own}"
            ) from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"no penknife answers on {path}: start it, or give `penknife exec` the --config or listeners of the one that runs"
            ) from None
        _pid, uid, _gid = _CREDENTIALS.unpack(
            self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if own != 0 and uid not in (0, own):
            raise NotRunning(f"{path}: the socket belongs to another user (uid {uid})")

    def _switch(self, path: str, deadline: float) -> None:
        """Ask for the channel. Until we call, penknife sends nothing behind its answer but one of the channel's own."""
        self._send(
            b"GET /calls HTTP/1.1\r\nHost: penknife\r\nConnection: Upgrade\r\nUpgrade: " + _PROTOCOL + b"\r\n\r\n", deadline
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._read(1, deadline)
            if len(head) > _MAX_HTTP:
                raise NotRunning(f"{path}: not an answer of penknife")
        status = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if status[1:2] == [b"101"]:
            return
        if status[1:2] == [b"404"]:
            raise NotRunning(f"{path}: this penknife is older than the one that has started this process")
        raise NotRunning(f"{path}: {self._rest(deadline)}")

    def _rest(self, deadline: float) -> str:
        """The sentence behind the head of a refusal, which ends with the connection or in silence."""
        self.socket.settimeout(min(1.0, max(0.01, deadline - time.monotonic())))
        text = b""
        try:
            while len(text) < _MAX_HTTP and not text.endswith(b"\n"):
                part = self.socket.recv(4096)
                if not part:
                    break
                text += part
        except OSError:
            pass
        return text.decode("utf-8", "replace").strip() or "refused"

    def _send(self, data: bytes, deadline: float) -> None:
        self._until(deadline)
        try:
            self.socket.sendall(data, socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            raise _Unsent from None

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray(size)
        view, reset = memoryview(data), False
        while view:
            self._until(deadline)
            try:
                count = self.socket.recv_into(view)
            except ConnectionResetError:  # it is told before what was sent earlier
                if reset:
                    raise
                reset = True
                continue
            if count == 0:
                raise ConnectionError("penknife has closed the channel; what was asked for may have been done")
            view = view[count:]
        return bytes(data)

    def exchange(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        """Send a request and give the status and payload of its answer."""
        try:
            self._send(request, deadline)
        except _Unsent:
            try:
                return self._answer(deadline)  # why it was closed
            except ConnectionError:
                raise _Unsent from None
        return self._answer(deadline)

    def _answer(self, deadline: float) -> tuple[int, bytes]:
        size, status = _HEAD.unpack(self._read(_HEAD.size, deadline))
        if size > _MAX_ANSWER:
            raise ConnectionError("penknife answered nonsense")
        return status, self._read(size, deadline)


class Way:
    """Calls over connections to one control socket. Any thread may use it, and forked children."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._free: list[_Connection] = []
        self._all: weakref.WeakSet[_Connection] = weakref.WeakSet()  # also those that are in use
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        """The connections are the parent's: two processes on one would read each other's answers."""
        for connection in list(self._all):
            connection.close()
        self._all.clear()
        self._free.clear()

    def _take(self, deadline: float) -> _Connection:
        try:
            return self._free.pop()
        except IndexError:
            connection = _Connection(self._path, deadline)
            self._all.add(connection)
            return connection

    def _drop_free(self) -> None:
        try:
            while True:
                self._drop(self._free.pop())
        except IndexError:  # other threads take some too
            pass

    def _drop(self, connection: _Connection) -> None:
        self._all.discard(connection)
        connection.close()

    def call(self, operation: int, payload: bytes, timeout: float) -> tuple[int, bytes]:
        """As the accelerator's call: (status, payload), TimeoutError, or OSError when the connection ends in the middle."""
        if len(payload) >= 1 << 32:
            raise OverflowError("a call has at most 4 GiB")
        request, deadline = _HEAD.pack(len(payload), operation) + payload, time.monotonic() + timeout
        for _attempt in range(_ATTEMPTS):
            try:
                return self._try(request, deadline)
            except _Unsent:
                self._drop_free()  # they lead to the same penknife, which has gone
        raise NotRunning(f"the penknife on {self._path} closes every connection: it is stopping")

    def _try(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        connection = self._take(deadline)
        try:
            answer = connection.exchange(request, deadline)
        except BaseException:
            self._drop(connection)  # who knows how far the exchange came
            raise
        self._free.append(connection)
        return answer


_ways: dict[str, Way] = {}


def way() -> Way:
    """Give the way to the penknife that this process knows of, or raise NotRunning."""
    path = os.environ.get(VARIABLE, "")
    if not path:
        raise NotRunning(STRANGER)
    if path == "off":
        raise NotRunning("the penknife that has started this process has no control socket to be called on (control.listen)")
    found = _ways.get(path)
    if found is None:
        found = _ways.setdefault(path, Way(path))
    return found
