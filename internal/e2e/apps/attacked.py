"""Keeps a list of what reached it, so that a test can tell a request that was smuggled from one that was refused."""
import ctypes
import json
import os
import random
import re

SEEN = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/seen":
        seen = list(SEEN)
        SEEN.clear()
        return answer(start_response, seen)
    SEEN.append(environ["REQUEST_METHOD"] + " " + path)
    if path == "/environ":
        return answer(start_response, {k: v if isinstance(v, str) else repr(v) for k, v in environ.items()})
    if path == "/respond":
        said = json.loads(environ["wsgi.input"].read())
        start_response(said["status"], [tuple(pair) for pair in said["headers"]])
        return [b"content"]
    if path == "/exit":
        raise SystemExit(1)
    if path == "/scribble":
        scribble(int(environ["QUERY_STRING"]))
    if path != "/unread":
        SEEN.append("body %r" % environ["wsgi.input"].read())
    return answer(start_response, "served")


def answer(start_response, value):
    body = json.dumps(value).encode("ascii")
    start_response("200 OK", [
        ("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("X-Pid", str(os.getpid()))])
    return [body]


def scribble(seed):
    """Writes random words over the memory that this process shares with penknife."""
    chance = random.Random(seed)
    for line in open("/proc/self/maps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (rw-s) .*memfd:penknife", line)
        if not found:
            continue
        begin, end = int(found[1], 16), int(found[2], 16)
        for _ in range(4000):
            # Half of them at the start, where the words of control are.
            span = 65536 if chance.random() < 0.5 else end - begin
            at = begin + chance.randrange(min(span, end - begin) // 8) * 8
            ctypes.c_uint64.from_address(at).value = chance.choice([0, 1, 2**32 - 1, 2**63, chance.getrandbits(64)])
