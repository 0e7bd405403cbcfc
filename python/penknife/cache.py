"""The application's cache: one for all workers of this penknife and, with Redis, for those of other machines.

    from penknife import cache

    cache.set("greeting", b"hello", expire=60, tags=["texts"])
    cache.get("greeting")       # b"hello", or None
    cache.incr("visits", initial=1)
    cache.purge_tags("texts")

Keys are text, or bytes that are UTF-8. Values are bytes (bytearray and memoryview are taken too, and a number for what incr
counts, which is kept as its decimal digits). Every call is atomic. What one worker has written every worker of this
penknife reads at once. Entries go when they expire, and the least useful ones when app_cache.size is reached: a cache
is no database.

Every function may raise penknife.NotRunning, penknife.CallTimeout and penknife.CacheError; see docs/python-cache.md.
"""
from __future__ import annotations

import struct

from penknife import (
    CacheError,
    CallTimeout,
    MissingKey,
    NotANumber,
    NotRunning,
    PenknifeError,
    SwitchedOff,
    ValueTooLarge,
    calls,
)

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Iterable, Mapping, Union

    Key = Union[str, bytes]
    Value = Union[bytes, bytearray, memoryview, int]

__all__ = [
    "CacheError", "CallTimeout", "MissingKey", "NotANumber", "NotRunning", "PenknifeError", "SwitchedOff", "ValueTooLarge",
    "add", "clear", "decr", "delete", "delete_many", "get", "get_many", "incr", "purge_prefix", "purge_tags", "purge_url",
    "set", "set_many", "touch",
]

MAX_KEY = 4096
"""Bytes that a key may have, as UTF-8."""

_I64 = struct.Struct("<q")
_INCR = struct.Struct("<qBq")
_BATCH = 500_000  # bytes of keys and values in one call; appcalls takes a mebibyte beyond one value
_MISSING, _FOUND, _LATER = 0, 1, 2


def _key(key: Key) -> bytes:
    if isinstance(key, str):
        key = key.encode("utf-8")
    elif not isinstance(key, bytes):
        raise TypeError(f"a key is str or bytes, not {type(key).__name__}")
    if not 0 < len(key) <= MAX_KEY:
        raise ValueError(f"a key has 1 to {MAX_KEY} bytes, not {len(key)}")
    return key


def _value(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"a value is bytes, not {type(value).__name__}: encode it, or use penknife.django or penknife.cachelib")


def _expiry(expire: float | None) -> bytes:
    if expire is None:
        return _I64.pack(0)
    if not expire > 0:
        raise ValueError(f"expire is a number of seconds above 0, or None for no end; not {expire!r}")
    return _I64.pack(max(1, min(int(expire * 1000), (1 << 62))) if expire < 1e15 else 0)


def _tags(tags: Iterable[str]) -> bytes:
    if isinstance(tags, (str, bytes)):
        tags = (tags,)  # type: ignore[assignment]
    return calls.blobs(_key(tag) for tag in tags)


_accel = calls.accelerator()
_peek = _accel.peek if _accel is not None else lambda key: None  # a copy of the value, from shared memory
_opened = _accel is None  # that memory was asked for; outside of the workers every read is a call


def _open_copies() -> None:
    """Ask for the memory in which penknife shows copies, once; without it every read is a call."""
    global _opened
    _opened = True
    try:
        calls.check(*calls.reach(lambda accel: accel.peek_open(calls.MIRROR, calls.timeout)))
    except CacheError:  # it is switched off, or there is no memory for it, which penknife's log says
        pass
    except PenknifeError:
        _opened = False
        raise


def get(key: Key, default: bytes | None = None) -> bytes | None:
    """Give the value of key, or default when there is none (any more).

    What was read in the last second is in shared memory: no call, below a microsecond.
    """
    value = _peek(key)
    if value is not None:
        return value  # type: ignore[no-any-return]
    if not _opened:
        _open_copies()
    answer = calls.call(calls.GET, calls.blobs((_key(key),)))
    return answer[5:] if answer[0] == _FOUND else default


def get_many(keys: Iterable[Key]) -> dict[Key, bytes]:
    """Give the values of those keys that are there, by the keys as they were given."""
    if not _opened:
        _open_copies()
    found: dict[Key, bytes] = {}
    todo = []
    for key in dict.fromkeys(keys):
        value = _peek(key)
        if value is None:
            todo.append(key)
        else:
            found[key] = value
    while todo:
        batch = _batch(todo, lambda key: len(_key(key)))
        answer = calls.call(calls.GET, calls.blobs(_key(key) for key in batch))
        later = _read_values(batch, answer, found)
        todo = later + todo[len(batch):]
    return found


def _batch(items: list, size) -> list:
    """The first items, as many as one call takes; at least one."""
    total = 0
    for count, item in enumerate(items):
        total += size(item) + 8
        if total > _BATCH and count:
            return items[:count]
    return items


def _read_values(keys: list[Key], answer: bytes, found: dict[Key, bytes]) -> list[Key]:
    later, at = [], 0
    for key in keys:
        state = answer[at]
        at += 1
        if state == _LATER:
            later.append(key)
        elif state == _FOUND:
            end = at + 4 + int.from_bytes(answer[at:at + 4], "little")
            found[key] = answer[at + 4:end]
            at = end
    return later


def set(key: Key, value: Value, expire: float | None = None, tags: Iterable[str] = ()) -> None:
    """Keep value under key for expire seconds (None: without an end), in the place of what was there.

    tags are names under which purge_tags finds it. ValueTooLarge when it is larger than app_cache.max_value.
    """
    set_many({key: value}, expire, tags)


def set_many(values: Mapping[Key, Value], expire: float | None = None, tags: Iterable[str] = ()) -> None:
    """Keep several values, all with the same expire and tags. Many are not one atomic step: each is."""
    common = _expiry(expire) + _tags(tags)
    todo = [(_key(key), _value(value)) for key, value in values.items()]
    while todo:
        batch = _batch(todo, lambda pair: len(pair[0]) + len(pair[1]))
        todo = todo[len(batch):]
        pairs = b"".join([calls.blob(key) + calls.blob(value) for key, value in batch])
        calls.call(calls.SET, common + len(batch).to_bytes(4, "little") + pairs)


def add(key: Key, value: Value, expire: float | None = None, tags: Iterable[str] = ()) -> bool:
    """Keep value under key if nothing is there, and tell whether that was so: of many callers one gets True."""
    payload = _expiry(expire) + _tags(tags) + calls.blob(_key(key)) + calls.blob(_value(value))
    return calls.call(calls.ADD, payload) == b"\x01"


def incr(key: Key, delta: int = 1, initial: int | None = None, expire: float | None = None) -> int:
    """Add delta to the number under key and give the result; atomic over all workers. The expiry stays as it is.

    With initial, a key that is missing gets that value and expire, and initial is the answer. Without it that is
    MissingKey. NotANumber when the value is not decimal digits, or beyond 64 bits.
    """
    try:
        numbers = _INCR.pack(delta, initial is not None, initial or 0)
    except struct.error:
        raise ValueError("delta and initial are whole numbers of 64 bits") from None
    payload = _expiry(expire) + calls.blobs(()) + numbers + calls.blob(_key(key))
    return int(_I64.unpack(calls.call(calls.INCR, payload))[0])


def decr(key: Key, delta: int = 1, initial: int | None = None, expire: float | None = None) -> int:
    """Subtract delta: incr the other way. The result may be negative."""
    return incr(key, -delta, initial, expire)


def touch(key: Key, expire: float | None = None) -> bool:
    """Let key expire in so many seconds from now (None: without an end). False when it is not there."""
    return calls.call(calls.TOUCH, _expiry(expire) + calls.blob(_key(key))) == b"\x01"


def delete(key: Key) -> bool:
    """Delete key, and tell whether there was something."""
    return delete_many((key,)) == 1


def delete_many(keys: Iterable[Key]) -> int:
    """Delete several keys and give how many there were."""
    todo = [_key(key) for key in keys]
    count = 0
    while todo:
        batch = _batch(todo, len)
        todo = todo[len(batch):]
        count += _count(calls.DELETE, calls.blobs(batch))
    return count


def purge_tags(*tags: str) -> int:
    """Delete everything that has one of the tags, in this cache and in the response cache, and give how many it were.

    After that no worker gets what was kept before.
    """
    return _count(calls.PURGE_TAGS, _tags(tags))


def purge_url(url: str) -> int:
    """Delete the response cache's answers to a URL and give how many it were. SwitchedOff without a response cache."""
    return _count(calls.PURGE_URL, calls.blob(_key(url)))


def purge_prefix(prefix: str) -> int:
    """Delete the response cache's answers to all URLs that begin so, and give how many it were."""
    return _count(calls.PURGE_PREFIX, calls.blob(_key(prefix)))


def clear() -> None:
    """Delete all that the application has put into this cache; the response cache stays as it is."""
    calls.call(calls.CLEAR, b"")


def _count(operation: int, payload: bytes) -> int:
    return int(_I64.unpack(calls.call(operation, payload))[0])
