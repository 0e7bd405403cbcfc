"""Calls to the penknife process. The way is in python/accel/call.c, the other end is the Go package appcalls."""
from __future__ import annotations

import struct
import sys

import penknife

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Iterable

timeout: float = 5.0
"""Seconds that one call may take. An application may set another number."""

# Operations, as in appcalls/operation.go.
GET, SET, ADD, INCR, DELETE, TOUCH, PURGE_TAGS, PURGE_URL, PURGE_PREFIX, CLEAR = range(1, 11)

_OK = 1
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


def call(operation: int, payload: bytes) -> bytes:
    """Ask penknife and wait for the answer, without the GIL.

    Raises NotRunning without a penknife, CallTimeout after `timeout` seconds, and what the answer's status means.
    Any thread may call, and forked children of a worker too; each thread has a channel of its own.
    """
    accel = sys.modules.get("penknife._accel")
    if accel is None:
        raise penknife.NotRunning("this process was not started by penknife")
    try:
        status, answer = accel.call(operation, payload, timeout)
    except TimeoutError:
        raise penknife.CallTimeout(f"penknife did not answer within {timeout:g} s") from None
    except OSError as error:
        raise penknife.NotRunning(f"penknife cannot be asked: {error}") from error
    if status != _OK:
        raise _FAILURES.get(status, penknife.PenknifeError)(answer.decode("utf-8", "replace"))
    return answer


def blob(data: bytes) -> bytes:
    """Give data with its length before it."""
    return _U32.pack(len(data)) + data


def blobs(items: Iterable[bytes]) -> bytes:
    """Give a count and that many blobs."""
    parts = [blob(item) for item in items]
    return _U32.pack(len(parts)) + b"".join(parts)
