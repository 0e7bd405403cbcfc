"""Answers with its pid; /leak keeps a megabyte for ever, /slow takes a third of a second for its second half."""
import os
import time

KEPT = []


def slowly(body):
    yield body[:1]
    time.sleep(0.3)
    yield body[1:]


def application(environ, start_response):
    body = str(os.getpid()).encode()
    if environ["PATH_INFO"] == "/leak":
        KEPT.append(bytearray(os.urandom(1 << 20)))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return slowly(body) if environ["PATH_INFO"] == "/slow" else [body]
