"""Runs other projects' own tests of caches inside a worker, against penknife's classes. $SOURCES is where their source
distributions were unpacked. The answer is the report; status 200 only when everything passed."""
import io
import os
import sys
import types
import unittest

SOURCES = os.environ["SOURCES"]


def django_suite(location):
    """The common tests of every backend of Django; those about MAX_ENTRIES are left out as for Redis and Memcached."""
    sys.path.insert(0, os.path.join(SOURCES, "django", "tests"))
    import django
    from django.conf import settings

    cache = {"default": {"BACKEND": "penknife.django.Cache"}}
    settings.configure(
        SECRET_KEY="x", INSTALLED_APPS=["cache"], CACHES=cache, USE_TZ=False, ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}, "other": {"ENGINE": "django.db.backends.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", MIDDLEWARE=[], ROOT_URLCONF="",
    )
    django.setup()
    from cache import tests
    from django.test import TestCase, override_settings
    from django.test.runner import DiscoverRunner
    from django.test.utils import setup_test_environment

    setup_test_environment()
    DiscoverRunner(verbosity=0, interactive=False).setup_databases()

    caches = tests.caches_setting_for_tests(
        base={"BACKEND": "penknife.django.Cache"}, exclude=tests.redis_excluded_caches, LOCATION=location
    )
    made = override_settings(CACHES=caches)(type("PenknifeTests", (tests.BaseCacheTests, TestCase), {}))
    return unittest.defaultTestLoader.loadTestsFromTestCase(made)


def run_django(location=""):
    out = io.StringIO()
    result = unittest.TextTestRunner(stream=out, verbosity=2).run(django_suite(location))
    return result.wasSuccessful(), out.getvalue()


CACHELIB = """
import pytest
from clear import ClearTests
from common import CommonTests
from delete_many_with_prefix import DeleteManyWithPrefixTests
from has import HasTests
from serializer import SerializerTests
from penknife.cachelib import PenknifeCache
from penknife import flask_caching


@pytest.fixture(autouse=True, params=[PenknifeCache, flask_caching.PenknifeCache])
def cache_factory(request, key_prefix):
    def factory(self, *args, **kwargs):
        kwargs.setdefault("key_prefix", key_prefix)
        cache = request.param(*args, **kwargs)
        cache.clear()
        return cache

    request.cls.cache_factory = factory


class TestPenknife(CommonTests, ClearTests, HasTests, DeleteManyWithPrefixTests, SerializerTests):
    pass
"""


def run_cachelib():
    import contextlib

    import pytest

    sys.modules["xprocess"] = types.SimpleNamespace(ProcessStarter=object)  # starts servers of other backends
    folder = os.path.join(SOURCES, "cachelib", "tests")
    path = os.path.join(folder, "test_penknife.py")
    with open(path, "w") as f:
        f.write(CACHELIB)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = pytest.main(["-v", "-p", "no:cacheprovider", "--rootdir", folder, path])
    return code == 0, out.getvalue()


def application(environ, start_response):
    runs = {"/django": run_django, "/django/located": lambda: run_django("somewhere"), "/cachelib": run_cachelib}
    run = runs.get(environ["PATH_INFO"])
    passed, report = run() if run else (True, "?")
    start_response("200 OK" if passed else "500 Failed", [("Content-Type", "text/plain; charset=utf-8")])
    return [report.encode()]
