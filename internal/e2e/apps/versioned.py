"""Answers with what the file named by VERSION had when it was imported; a version that is no number is a fault."""
import os
import time

with open(os.environ["VERSION"]) as file:
    VERSION = str(int(file.read()))


if os.environ.get("BROKEN_WORKER"):  # the third worker that is forked, and every later one, dies at once
    FORKS = []
    os.register_at_fork(before=lambda: FORKS.append(1), after_in_child=lambda: len(FORKS) > 2 and os._exit(7))


def stream():
    """About a second of blocks."""
    for _ in range(20):
        yield VERSION.encode() + b"\n"
        time.sleep(0.05)


def application(environ, start_response):
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream()
    if environ["PATH_INFO"] == "/gate":
        with open(os.environ["GATE"]) as gate:
            gate.read(1)
    body = VERSION
    if environ["REQUEST_METHOD"] == "POST":
        body += " %d" % len(environ["wsgi.input"].read())
    if environ["PATH_INFO"] == "/colour":
        body = os.environ.get("COLOUR", "")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body.encode()]
