"""Answers that a cache may or may not keep. $CALLS is a file that grows by one line for each call; $GATE is a file for
which /slow and /stream wait."""

import os
import time


def application(environ, start_response):
    path = environ["PATH_INFO"]
    with open(os.environ["CALLS"], "a", buffering=1) as calls:
        calls.write(f"{environ['REQUEST_METHOD']} {path}\n")
    headers = [("Content-Type", "text/plain"), ("X-PID", str(os.getpid()))]
    name, _, rest = path.strip("/").partition("/")
    if environ["REQUEST_METHOD"] == "POST":
        start_response("204 No Content", headers)
        return []
    if name not in ("plain", "ready"):
        headers.append(("Cache-Control", "max-age=600"))
    if name == "tagged":
        headers.append(("Cache-Tag", f"all, {rest}"))
        headers.append(("Surrogate-Key", "surrogate"))
    if name == "slow":
        wait()
    if name == "stream":
        start_response("200 OK", headers)
        return stream()
    if name == "purge":
        from penknife import cache
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(cache.purge_tags(rest)).encode()]
    if name == "die":
        headers.append(("Content-Length", "100000"))
        start_response("200 OK", headers)
        return die()
    if name == "user":
        headers.append(("Vary", "Cookie"))
        return answer(start_response, headers, environ.get("HTTP_COOKIE", "nobody"))
    return answer(start_response, headers, f"{environ['wsgi.url_scheme']} {environ['HTTP_HOST']} {path}")


def answer(start_response, headers, text):
    start_response("200 OK", headers)
    return [text.encode()]


def wait():
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.005)


def stream():
    yield b"first "
    wait()
    yield b"last"


def die():
    yield b"x" * 1000
    os.kill(os.getpid(), 9)
