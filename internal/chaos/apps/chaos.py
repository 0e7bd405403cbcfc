"""The application of the chaos suite. /work answers what its query asks for, /wait holds a request, /fault/NAME breaks."""
import hashlib
import importlib
import io
import itertools
import os
import tempfile
import time
from urllib.parse import parse_qs

TYPE = ("Content-Type", "application/octet-stream")
LEAK = int(os.environ.get("LEAK", "0"))
LEAKED = []
CALLS = itertools.count()

if os.environ.get("CRASH") and os.path.exists(os.environ["CRASH"]):
    with open(os.environ["CRASH"], "a") as crashes:
        crashes.write("%f\n" % time.monotonic())
    raise RuntimeError("the application is broken")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    if path == "/work":
        return work(environ, start_response, query)
    if path == "/wait":
        return wait(environ, start_response, query)
    if path == "/big":
        return big(environ, start_response, query)
    if path == "/upload":
        return upload(environ, start_response, query)
    if path.startswith("/cached/"):
        return cached(environ, start_response, query)
    if path == "/fresh":  # another body each time, good for three seconds
        start_response("200 OK", [TYPE, ("Cache-Control", "max-age=3")])
        return [b"%d" % time.monotonic_ns()]
    if path.startswith("/fault/"):
        # /fault/MODULE.FUNCTION: the function gets the query and may end in whatever way it likes.
        module, _, function = path[len("/fault/"):].partition(".")
        note("+", query["id"])
        said = getattr(importlib.import_module(module), function)(query)
        note("-", query["id"])
        body = str(said).encode()
        start_response("200 OK", [TYPE, ("Content-Length", str(len(body))), ("X-Pid", str(os.getpid()))])
        return [body]
    start_response("200 OK", [TYPE, ("X-Pid", str(os.getpid()))])
    return [b"chaos"]


def note(sign, number):
    """One line in the journal. It is opened each time: the descriptor could have been closed, and be another's now."""
    try:
        journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(journal, b"%s %d %s\n" % (sign.encode(), os.getpid(), number.encode()))
        finally:
            os.close(journal)
    except OSError:
        pass  # a fault has taken the descriptors away


def pattern(number, size):
    return hashlib.shake_128(number.encode()).digest(size)


def work(environ, start_response, query):
    """Answers "NUMBER LENGTH DIGEST" of the request's body, and n bytes of the request's own pattern."""
    number = query["id"]
    note("+", number)
    received = environ["wsgi.input"].read()
    if LEAK:
        LEAKED.append(os.urandom(4096) * (LEAK // 4096))
    if "hold" in query:
        time.sleep(int(query["hold"]) / 1000)
    first = b"%s %d %s\n" % (number.encode(), len(received), hashlib.sha256(received).hexdigest().encode())
    body = first + pattern(number, int(query["n"]))
    headers = [TYPE, ("X-Id", number), ("X-Pid", str(os.getpid()))]
    how = query["how"]
    if how == "file":
        file = tempfile.TemporaryFile()
        file.write(body)
        file.seek(0)
        start_response("200 OK", headers)
        note("-", number)
        return environ["wsgi.file_wrapper"](file, io.DEFAULT_BUFFER_SIZE)
    if how == "stream":
        start_response("200 OK", headers)
        return stream(number, body)
    start_response("200 OK", headers + [("Content-Length", str(len(body)))])
    note("-", number)
    return [body]


def big(environ, start_response, query):
    """A mebibyte of id's pattern, n times over, as a file or a stream."""
    note("+", query["id"])
    block, times = pattern(query["id"], 1 << 20), int(query["n"])
    start_response("200 OK", [TYPE, ("Content-Length", str(times << 20))])
    note("-", query["id"])
    if query["how"] == "stream":
        return itertools.repeat(block, times)
    file = tempfile.TemporaryFile()
    for _ in range(times):
        file.write(block)
    file.seek(0)
    return environ["wsgi.file_wrapper"](file)


def upload(environ, start_response, query):
    """Like /work without a pattern, for bodies that no worker should have in memory as a whole."""
    note("+", query["id"])
    digest, size, whole = hashlib.sha256(), 0, environ["wsgi.input"]
    while piece := whole.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    body = b"%s %d %s\n" % (query["id"].encode(), size, digest.hexdigest().encode())
    start_response("200 OK", [TYPE, ("Content-Length", str(len(body))), ("X-Id", query["id"])])
    note("-", query["id"])
    return [body]


def cached(environ, start_response, query):
    """n bytes of id's pattern and the variable that echo names, good for a minute, with the field add ("Name: value"). Each
    call is in the journal, by a number of its own."""
    call = "%s.%d.%d" % (query["id"], os.getpid(), next(CALLS))
    note("+", call)
    if "gate" in query:
        with open(query["gate"], "rb", buffering=0) as fifo:
            fifo.read(1)
    headers = [TYPE, ("Cache-Control", "max-age=60")]
    if "add" in query:
        headers.append(tuple(query["add"].split(": ")))
    body = pattern(query["id"], int(query["n"])) + environ.get(query.get("echo", ""), "").encode()
    start_response("200 OK", headers + [("Content-Length", str(len(body)))])
    note("-", call)
    return [body]


def stream(number, body):
    step = max(len(body) // 7, 1)
    for at in range(0, len(body), step):
        yield body[at:at + step]
    note("-", number)


def wait(environ, start_response, query):
    """Holds the request until the test lets it pass, then answers like /work."""
    note("+", query["id"])
    with open(query["gate"], "rb", buffering=0) as fifo:
        fifo.read(1)
    body = b"%s 0 %s\n" % (query["id"].encode(), hashlib.sha256(b"").hexdigest().encode())
    start_response("200 OK", [TYPE, ("Content-Length", str(len(body))), ("X-Id", query["id"]), ("X-Pid", str(os.getpid()))])
    note("-", query["id"])
    return [body]
