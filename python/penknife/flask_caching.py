"""The cache of penknife for Flask-Caching:

    Cache(app, config={"CACHE_TYPE": "penknife.flask_caching.PenknifeCache"})

CACHE_DEFAULT_TIMEOUT, CACHE_KEY_PREFIX and CACHE_OPTIONS (arguments of penknife.cachelib.PenknifeCache) count.
"""
from __future__ import annotations

from flask_caching.backends.base import BaseCache

from penknife import cachelib

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any


class PenknifeCache(cachelib.PenknifeCache, BaseCache):
    """penknife.cachelib.PenknifeCache, made from an application's configuration."""

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> PenknifeCache:
        """Called by Flask-Caching, which has put CACHE_DEFAULT_TIMEOUT and CACHE_OPTIONS into kwargs."""
        kwargs.setdefault("key_prefix", config.get("CACHE_KEY_PREFIX"))
        return cls(*args, **kwargs)
