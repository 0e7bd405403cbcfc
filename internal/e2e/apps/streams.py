"""Bodies of all kinds. A gate is a FIFO: reading one byte from it waits for the test."""
import io
import os
import tempfile
from urllib.parse import parse_qs
from wsgiref.validate import validator

TYPE = ("Content-Type", "application/octet-stream")


def wait_at(gate):
    with open(gate, "rb", buffering=0) as fifo:
        fifo.read(1)


def gated(query):
    """One block, a wait at the gate, another block."""
    yield b"first"
    wait_at(query["gate"][0])
    yield b"second"


def big(query):
    """n MiB, made on the fly."""
    block = bytes(range(256)) * 4096
    for _ in range(int(query["n"][0])):
        yield block


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    if path == "/gated":
        start_response("200 OK", [TYPE])
        return gated(query)
    if path == "/big":
        length = int(query["n"][0]) * 1048576
        start_response("200 OK", [TYPE, ("Content-Length", str(length)), ("X-Pid", str(os.getpid()))])
        return big(query)
    if path == "/wait":
        wait_at(query["gate"][0])
        start_response("200 OK", [TYPE])
        return [b"waited"]
    if path == "/file":
        return send_file(environ, start_response, query)
    start_response("200 OK", [TYPE, ("X-Pid", str(os.getpid()))])
    return [b"streams"]


def send_file(environ, start_response, query):
    """A file of n MiB through wsgi.file_wrapper, from an offset on."""
    block = bytes(range(256)) * 4096
    file = tempfile.TemporaryFile()
    for _ in range(int(query["n"][0])):
        file.write(block)
    offset = int(query.get("offset", ["0"])[0])
    file.seek(offset)
    start_response("200 OK", [TYPE])
    return environ["wsgi.file_wrapper"](file, io.DEFAULT_BUFFER_SIZE)


validated = validator(application)
