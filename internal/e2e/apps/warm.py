"""Tells of its warm-up: what a first request cost, and what that request had in its environ. The file named by WARM says
with what status warm-up requests are answered; "raise" raises, "hang" does not answer."""
import os
import time

FIRST = {}


def application(environ, start_response):
    with open(os.environ["WARM"]) as file:
        wanted = file.read().strip()
    if environ.get("penknife.warmup"):
        FIRST.setdefault("pid", os.getpid())
        FIRST["host"], FIRST["path"] = environ["HTTP_HOST"], environ["PATH_INFO"]
        FIRST["asked"] = FIRST.get("asked", 0) + 1
        if wanted == "raise":
            raise LookupError("nothing is there yet")
        if wanted == "hang":
            time.sleep(3600)
        start_response(wanted, [("Content-Type", "text/plain")])
        return [b"warm"]
    own = FIRST.get("pid") == os.getpid()
    body = "%d %s %s %s" % (FIRST.get("asked", 0), own, FIRST.get("host"), FIRST.get("path"))
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [body.encode()]
