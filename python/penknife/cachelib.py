"""The cache of penknife as a cachelib cache, for Flask, Werkzeug and whatever else takes one:

    from penknife.cachelib import PenknifeCache

    cache = PenknifeCache(default_timeout=300, key_prefix="shop:")
"""
from __future__ import annotations

from cachelib.base import BaseCache
from cachelib.serializers import RedisSerializer

from penknife import cache as shared

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Callable


class PenknifeCache(BaseCache):
    """All workers share it. A timeout of 0 is no end, as everywhere in cachelib. key_prefix may be a function.

    With a key_prefix that is a text, clear() clears the entries of that prefix; else everything that the application
    keeps in penknife.
    """

    serializer = RedisSerializer()  # whole numbers as digits: inc and dec are atomic

    def __init__(
        self, default_timeout: int = 300, key_prefix: str | Callable[[], str] | None = None,
        ignore_delete_many_errors: bool = True,
    ) -> None:
        BaseCache.__init__(self, default_timeout)
        self.ignore_delete_many_errors = ignore_delete_many_errors
        self.key_prefix = key_prefix or ""
        self._tags = (f"cachelib\0{self.key_prefix}",) if isinstance(self.key_prefix, str) and self.key_prefix else ()

    def _key(self, key: str | Callable[[], str]) -> str:
        prefix = self.key_prefix if isinstance(self.key_prefix, str) else self.key_prefix()
        return prefix + (key if isinstance(key, str) else key())

    def _expire(self, timeout: Any) -> float | None:
        seconds = self._normalize_timeout(timeout)
        return None if seconds == 0 else seconds

    def _load(self, data: bytes | None) -> Any:
        return None if data is None else self.serializer.loads(data)

    def get(self, key: str) -> Any:
        return self._load(shared.get(self._key(key)))

    def get_many(self, *keys: str) -> list[Any]:
        names = [self._key(key) for key in keys]
        found = shared.get_many(names)
        return [self._load(found.get(name)) for name in names]

    def set(self, key: str, value: Any, timeout: Any = None) -> bool | None:
        return bool(self.set_many({key: value}, timeout))

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[Any]:
        values = {self._key(key): self.serializer.dumps(value) for key, value in mapping.items()}
        seconds = self._expire(timeout)
        if seconds is not None and seconds < 0:
            shared.delete_many(values)
        else:
            shared.set_many(values, seconds, self._tags)  # type: ignore[arg-type]
        return list(mapping)

    def add(self, key: str, value: Any, timeout: Any = None) -> bool:
        seconds = self._expire(timeout)
        if seconds is not None and seconds < 0:
            return shared.get(self._key(key)) is None
        return shared.add(self._key(key), self.serializer.dumps(value), seconds, self._tags)

    def delete(self, key: str) -> bool:
        return shared.delete(self._key(key))

    def delete_many(self, *keys: str) -> list[Any]:
        shared.delete_many([self._key(key) for key in keys])
        return list(keys)  # what was not there counts as deleted

    def has(self, key: str) -> bool:
        return shared.get(self._key(key)) is not None

    def inc(self, key: str, delta: int = 1) -> int | None:
        """Add atomically; a key that is not there becomes delta, with the default timeout."""
        return shared.incr(self._key(key), delta, initial=delta, expire=self._expire(None))

    def dec(self, key: str, delta: int = 1) -> int | None:
        """Subtract atomically; a key that is not there becomes -delta."""
        return self.inc(key, -delta)

    def clear(self) -> bool:
        if self._tags:
            shared.purge_tags(*self._tags)
        else:
            shared.clear()
        return True
