"""Answers with its pid; /leak keeps a megabyte for ever, /burn uses 50 ms of CPU, /slow takes a third of a second for its second half."""
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
    if environ["PATH_INFO"] == "/burn":
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return slowly(body) if environ["PATH_INFO"] == "/slow" else [body]
