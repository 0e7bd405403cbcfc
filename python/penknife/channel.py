"""Messages to and from Go: SOCK_SEQPACKET sockets, one message a packet, its kind in the first byte."""
from __future__ import annotations

import json
import os
import socket

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any

MAX_MESSAGE = 60_000
MAX_FDS = 8

READY = b"R"  # zygote: JSON about the interpreter; worker: nothing
FAILED = b"E"  # the application cannot be loaded: text for the operator
UNFIT = b"W"  # worker: a warm-up request failed: a line for the operator, then a traceback
REFUSED = b"I"  # the interpreter cannot be used: text for the operator
IMPORTED = b"M"  # paths of files that were imported, each with a NUL behind it


def clip(text: str) -> bytes:
    """Encode text for one message; of a text that is too long, the beginning and the end stay."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_MESSAGE:
        return data
    half = MAX_MESSAGE // 2 - 20
    return data[:half] + b"\n  [... cut ...]\n" + data[-half:]


def send_text(fd: int, kind: bytes, text: str = "") -> None:
    """Send one message to the socket fd."""
    os.write(fd, kind + clip(text))


class Channel:
    """The zygote's end of its control socket."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """Wait for a command and the descriptors that came with it; None when Go has gone."""
        data, fds, _flags, _address = socket.recv_fds(self.socket, MAX_MESSAGE, MAX_FDS)
        if not data:
            return None
        return json.loads(data), list(fds)

    def send(self, kind: bytes, text: str = "") -> None:
        send_text(self.socket.fileno(), kind, text)

    def send_json(self, kind: bytes, value: dict[str, Any]) -> None:
        self.send(kind, json.dumps(value))

    def close(self) -> None:
        self.socket.close()
