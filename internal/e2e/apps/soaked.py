"""Everything that an application does on an ordinary day. Each answer says which request it is for."""
import hashlib
import io
import os
import threading
import time
from urllib.parse import parse_qs

from penknife import cache

PLAIN = ("Content-Type", "text/plain")
FILE = os.environ["SOAKED_FILE"]
THREADS = threading.Barrier(int(os.environ["SOAKED_THREADS"]))  # all of this worker


def stream(name):
    """Ten blocks in about a third of a second. The thread is known to penknife's cache after that."""
    cache.set("streamed-" + name[-1], b"1", expire=60)
    for n in range(10):
        yield ("%s %d\n" % (name, n)).encode()
        time.sleep(0.03)


def cut(name):
    """A block, and then a fault."""
    yield name.encode()
    raise RuntimeError("after the headers, on purpose")


def upload(environ):
    """Length and digest of what came."""
    digest, length = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(65536):
        digest.update(block)
        length += len(block)
    return "%d %s" % (length, digest.hexdigest())


def kept(name):
    """What penknife's cache has for one of a few hundred keys: it is made anew when it is gone."""
    key = "kept-" + name
    value = cache.get(key)
    if value is None:
        value = (name + " ").encode() * 500
        cache.set(key, value, expire=5)
    return value.decode().split(" ")[0]


def application(environ, start_response):
    path, name = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"]).get("id", ["?"])[0]
    headers = [PLAIN]
    if path == "/raise":
        raise ValueError("before the headers, on purpose")
    if path == "/thread":
        THREADS.wait(timeout=30)
    if path in ("/stream", "/thread"):
        start_response("200 OK", headers)
        return stream(name)
    if path == "/cut":
        start_response("200 OK", headers)
        return cut(name)
    if path == "/file":
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](open(FILE, "rb"), io.DEFAULT_BUFFER_SIZE)
    if path == "/upload":
        name += " " + upload(environ)
    if path == "/kept":
        name = kept(name)
    if path.startswith("/cached/"):
        headers.append(("Cache-Control", "public, max-age=3"))
        name = path + " " + "x" * 2000
    body = name.encode()
    headers.append(("Content-Length", str(len(body))))
    start_response("200 OK", headers)
    return [body]
