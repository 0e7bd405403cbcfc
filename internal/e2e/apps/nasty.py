"""Does what applications do that were never meant for a server of many processes."""
import os
import subprocess
import sys
import threading
from urllib.parse import parse_qs

from streams import wait_at

if os.environ.get("THREAD_AT_IMPORT"):
    threading.Thread(target=threading.Event().wait, daemon=True).start()

print("said at import", flush=True)
SHARED = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    query = parse_qs(environ["QUERY_STRING"])
    if path == "/child":
        # A child that outlives the request and holds every descriptor it was given.
        child = subprocess.Popen(["sleep", "600"], close_fds=False)
        start_response("200 OK", [("X-Child", str(child.pid)), ("X-Pid", str(os.getpid()))])
        return [b"child"]
    if path == "/fork":
        # A forked child that comes back here must not answer a second time.
        pid = os.fork()
        if pid != 0:
            os.waitpid(pid, 0)
        start_response("200 OK", [("X-Pid", str(os.getpid()))])
        return [b"forked"]
    if path == "/close-descriptors":
        os.closerange(0, 1024)
    if path == "/chdir":
        os.chdir("/")
    if path == "/long-line":
        sys.stdout.write("x" * 3000000)
        sys.stdout.write("\nafter the long line\n")
        sys.stdout.flush()
    if path == "/shared-list":
        SHARED[:] = [os.urandom(1) * (8 << 20) for _ in range(4)]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return SHARED
    if path == "/empty-list":
        SHARED.clear()
    if path == "/wait":
        wait_at(query["gate"][0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [b"served"]
