"""Calls to the penknife process. The way is in python/accel/call.c, the other end is the Go package appcalls."""
from __future__ import annotations

import struct
import sys

import penknife

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

timeout: float = 5.0
"""Seconds that one call may take. An application may set another number."""

# Operations, as in appcalls/operation.go.
GET, SET, ADD, INCR, DELETE, TOUCH, PURGE_TAGS, PURGE_URL, PURGE_PREFIX, CLEAR, METRIC, SERIES, CELLS, MIRROR = range(1, 15)

# How calls end, as there.
OK = 1
INVALID, FULL = 9, 10
_FAILURES: dict[int, type[Exception]] = {
    2: penknife.PenknifeError,
    3: penknife.ValueTooLarge,
    4: penknife.NotANumber,
    5: penknife.MissingKey,
    6: penknife.CacheError,
    7: penknife.SwitchedOff,
    8: penknife.PenknifeError,
}

_U32 = struct.Struct("<I")


def accelerator() -> Any:
    """The accelerator, or None in a process that penknife has not started."""
    return sys.modules.get("penknife._accel")


def call(operation: int, payload: bytes) -> bytes:
    """Ask penknife and wait for the answer, without the GIL.

    Raises NotRunning without a penknife, CallTimeout after `timeout` seconds, and what the answer's status means.
    Any thread may call, and forked children of a worker too; each thread has a channel of its own.
    """
    return ask(operation, payload)[1]


def ask(operation: int, payload: bytes, permitted: tuple[int, ...] = ()) -> tuple[int, bytes]:
    """As call; answers whose status is permitted are given with it."""
    status, answer = reach(lambda accel: accel.call(operation, payload, timeout))
    if status not in permitted:
        check(status, answer)
    return status, answer


def reach(exchange: Callable[[Any], tuple[int, bytes]]) -> tuple[int, bytes]:
    """Have exchange ask with the accelerator, and translate what it raises."""
    accel = accelerator()
    if accel is None:
        raise penknife.NotRunning("this process was not started by penknife")
    try:
        return exchange(accel)
    except TimeoutError:
        raise penknife.CallTimeout(f"penknife did not answer within {timeout:g} s") from None
    except OSError as error:
        raise penknife.NotRunning(f"penknife cannot be asked: {error}") from error


def check(status: int, answer: bytes) -> None:
    """Raise what a status means."""
    if status != OK:
        raise _FAILURES.get(status, penknife.PenknifeError)(answer.decode("utf-8", "replace"))


def blob(data: bytes) -> bytes:
    """Give data with its length before it."""
    return _U32.pack(len(data)) + data


def blobs(items: Iterable[bytes]) -> bytes:
    """Give a count and that many blobs."""
    parts = [blob(item) for item in items]
    return _U32.pack(len(parts)) + b"".join(parts)
