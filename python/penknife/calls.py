"""Calls to the penknife process. The way is in python/accel/call.c for workers, in outside.py for other processes; the other
end is the Go package appcalls."""
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
GET, SET, ADD, INCR, DELETE, TOUCH, PURGE_TAGS, PURGE_URL, PURGE_PREFIX, CLEAR, METRIC, SERIES, CELLS, MIRROR, COUNT = range(1, 16)

# How calls end, as there.
OK = 1
INVALID, FULL, STALE = 9, 10, 11
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
    """The accelerator, or None in a process that is no worker of penknife."""
    return sys.modules.get("penknife._accel")


def _way() -> Any:
    """What carries calls: the accelerator, or in other processes a connection to the control socket."""
    accel = accelerator()
    if accel is None:
        from penknife import outside

        return outside.way()
    return accel


def call(operation: int, payload: bytes) -> bytes:
    """Ask penknife and wait for the answer, without the GIL.

    Raises NotRunning without a penknife, CallTimeout after `timeout` seconds, and what the answer's status means.
    Any thread may call, and forked children too; no two calls are on one channel at the same time.
    """
    return ask(operation, payload)[1]


def ask(operation: int, payload: bytes, permitted: tuple[int, ...] = ()) -> tuple[int, bytes]:
    """As call; answers whose status is permitted are given with it."""
    status, answer = reach(lambda accel: accel.call(operation, payload, timeout))
    if status not in permitted:
        check(status, answer)
    return status, answer


def reach(exchange: Callable[[Any], tuple[int, bytes]]) -> tuple[int, bytes]:
    """Have exchange ask with what carries calls, and translate what that raises."""
    way = _way()
    try:
        return exchange(way)
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
