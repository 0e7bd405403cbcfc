"""The application without a framework: one path for each kind of work, no other code in between."""

import functools
import hashlib
import time

HELLO = b"Hello, World!\n"
ONE_KIB = bytes(range(32, 96)) * 16
TEN_KIB = bytes(range(32, 96)) * 160
ONE_MIB = bytes(range(32, 96)) * 16384
STREAM_BLOCK = bytes(range(32, 96)) * 64
STREAM_BLOCKS = 16
READ = 65536


def answer(start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def hello(environ, start_response):
    return answer(start_response, HELLO)


def one_kib(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1024"), ("Cache-Control", "max-age=3600")])
    return [ONE_KIB]


def ten_kib(environ, start_response):
    return answer(start_response, TEN_KIB)


def one_mib(environ, start_response):
    return answer(start_response, ONE_MIB)


@functools.cache
def body_of(size):
    """Made at the first request of a size, so that it is no part of the other cases' memory."""
    return (bytes(range(32, 96)) * (size // 64 + 1))[:size]


def sized(environ, start_response):
    return answer(start_response, body_of(int(environ["QUERY_STRING"])))


def blocks(environ):
    left = int(environ.get("CONTENT_LENGTH") or 0)
    read = environ["wsgi.input"].read
    while left > 0:
        block = read(min(READ, left))
        if not block:
            return
        left -= len(block)
        yield block


def upload(environ, start_response):
    return answer(start_response, b"%d\n" % sum(map(len, blocks(environ))))


def digest(environ, start_response):
    seen = hashlib.sha256()
    for block in blocks(environ):
        seen.update(block)
    return answer(start_response, seen.hexdigest().encode() + b"\n")


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (STREAM_BLOCK for _ in range(STREAM_BLOCKS))


def sleep(environ, start_response):
    time.sleep(0.005)
    return answer(start_response, HELLO)


def slow(environ, start_response):
    time.sleep(0.1)
    return answer(start_response, HELLO)


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return [b""]


ROUTES = {
    "/hello": hello, "/1k": one_kib, "/10k": ten_kib, "/1m": one_mib, "/upload": upload, "/digest": digest, "/stream": stream,
    "/bytes": sized, "/sleep": sleep, "/slow": slow,
}


def application(environ, start_response):
    return ROUTES.get(environ["PATH_INFO"], missing)(environ, start_response)
