"""Answers its environ as JSON, values as repr where they are no strings, and the body's size and digest."""
import hashlib
import json
import os
import sys
from wsgiref.validate import validator


def application(environ, start_response):
    digest = hashlib.sha256()
    size = 0
    while True:
        block = environ["wsgi.input"].read(65536)
        if not block:
            break
        size += len(block)
        digest.update(block)
    answer = {
        "environ": {k: v if isinstance(v, (str, bool)) else repr(v) for k, v in environ.items()},
        "size": size,
        "sha256": digest.hexdigest(),
        "pid": os.getpid(),
        "python": "%d.%d" % sys.version_info[:2],
    }
    body = json.dumps(answer).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


validated = validator(application)
