"""Dies in the way that the path names."""
import ctypes
import os
import signal
import sys

from streams import wait_at
from urllib.parse import parse_qs


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "/exit":
        os._exit(3)
    if path == "/exit0":
        os._exit(0)
    if path == "/segfault":
        ctypes.string_at(0)
    if path == "/abort":
        os.abort()
    if path == "/systemexit":
        raise SystemExit(3)
    if path == "/sysexit":
        sys.exit("leaving")
    if path == "/interrupt":
        raise KeyboardInterrupt
    if path == "/wait":
        wait_at(parse_qs(environ["QUERY_STRING"])["gate"][0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [b"alive"]
