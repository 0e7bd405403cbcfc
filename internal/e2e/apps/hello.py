"""The smallest application, and the same one behind wsgiref's validator."""
import os
from wsgiref.validate import validator


def application(environ, start_response):
    body = b"hello\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body))),
                              ("X-Pid", str(os.getpid()))])
    return [body]


validated = validator(application)
