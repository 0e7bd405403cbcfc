"""Answers that may be cached: each call of the application gives another one. /none and /ready, which the tests wait for,
may not."""
import itertools
import os

calls = itertools.count()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path in ("/none", "/ready"):
        fields = [("Cache-Control", "no-store")]
    else:
        fields = [("Cache-Control", "max-age=600"), ("Cache-Tag", "all, page" + path.replace("/", "-"))]
    start_response("200 OK", [("Content-Type", "text/plain")] + fields)
    return ["{} {} {}".format(path, os.getpid(), next(calls)).encode()]
