"""The cache of penknife for Django:

    CACHES = {"default": {"BACKEND": "penknife.django.Cache"}}

All workers share it, and with Redis all machines. LOCATION (optional) separates several such caches: each has keys of
its own and is cleared alone. TIMEOUT, KEY_PREFIX, VERSION and KEY_FUNCTION mean what they mean everywhere in Django.
MAX_ENTRIES and CULL_FREQUENCY mean nothing: the limit is penknife's app_cache.size.
"""
from __future__ import annotations

import pickle

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from penknife import MissingKey, NotANumber
from penknife import cache as shared

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Iterable

_GONE = 0.0  # an expiry that is over already


def dumps(value: Any) -> bytes:
    """Whole numbers as digits, so that incr is atomic; anything else pickled, which never begins like one."""
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return b"%d" % value
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def loads(data: bytes) -> Any:
    """The other way."""
    return pickle.loads(data) if data[:1] == b"\x80" else int(data)


class Cache(BaseCache):
    """Beside Django's methods: `tags` for set, set_many and add, and purge_tags."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._scope = f"{location}\0" if location else ""
        self._own_tag = (f"django\0{location}",) if location else ()

    def make_and_validate_key(self, key: str, version: int | None = None) -> str:
        return self._scope + super().make_and_validate_key(key, version=version)

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> float | None:
        """Give seconds; None is without an end."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else max(float(timeout), _GONE)

    def _tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        names = (tags,) if isinstance(tags, str) else tags
        return self._own_tag + tuple(self._scope + tag for tag in names)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        data = shared.get(self.make_and_validate_key(key, version=version))
        return default if data is None else loads(data)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, tags: Iterable[str] = ()
    ) -> None:
        self.set_many({key: value}, timeout, version, tags)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, tags: Iterable[str] = ()
    ) -> bool:
        full = self.make_and_validate_key(key, version=version)
        data, seconds = dumps(value), self.get_backend_timeout(timeout)
        if seconds == _GONE:
            return shared.get(full) is None
        return shared.add(full, data, seconds, self._tags(tags))

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        return {names[full]: loads(data) for full, data in shared.get_many(names).items()}  # type: ignore[index]

    def set_many(
        self, data: dict[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None,
        tags: Iterable[str] = (),
    ) -> list[str]:
        values = {self.make_and_validate_key(key, version=version): dumps(value) for key, value in data.items()}
        seconds = self.get_backend_timeout(timeout)
        if seconds == _GONE:
            shared.delete_many(values)
        else:
            shared.set_many(values, seconds, self._tags(tags))  # type: ignore[arg-type]
        return []

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        full, seconds = self.make_and_validate_key(key, version=version), self.get_backend_timeout(timeout)
        return shared.delete(full) if seconds == _GONE else shared.touch(full, seconds)

    def delete(self, key: str, version: int | None = None) -> bool:
        return shared.delete(self.make_and_validate_key(key, version=version))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        shared.delete_many([self.make_and_validate_key(key, version=version) for key in keys])

    def has_key(self, key: str, version: int | None = None) -> bool:
        return shared.get(self.make_and_validate_key(key, version=version)) is not None

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add atomically. ValueError for a key that is not there, TypeError for what is no whole number."""
        try:
            return shared.incr(self.make_and_validate_key(key, version=version), delta)
        except MissingKey:
            raise ValueError(f"Key '{key}' not found") from None
        except NotANumber as error:
            raise TypeError(str(error)) from None

    def purge_tags(self, *tags: str) -> int:
        """Delete what was set with one of the tags and give how many it were. Without a LOCATION these are the tags of
        penknife.cache, and of the response cache."""
        return shared.purge_tags(*(self._scope + tag for tag in tags))

    def clear(self) -> None:
        """Delete everything of this LOCATION; without one, everything that the application keeps in penknife."""
        if self._own_tag:
            shared.purge_tags(*self._own_tag)
        else:
            shared.clear()
