"""Writes to every place that an application can write to."""
import ctypes
import logging
import os
import sys
from wsgiref.validate import validator

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


def application(environ, start_response):
    print("word-of-print")
    print("word-of-stderr", file=sys.stderr)
    logging.getLogger("app").info("word-of-logging")
    os.write(1, b"word-of-fd-one\n")
    libc = ctypes.CDLL(None)
    libc.write(2, b"word-of-c\n", 10)
    environ["wsgi.errors"].write("word-of-wsgi-errors\n")
    environ["wsgi.errors"].flush()
    os.write(1, b"word-without-line-end")
    body = b"said"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [body]


validated = validator(application)
