"""Runs the body of a POST as Python: the value of `answer` afterwards, as repr. Names stay between requests of a process."""
import os
import traceback

names = {"__name__": "evaluated"}


def application(environ, start_response):
    source = environ["wsgi.input"].read().decode()
    names["answer"] = None
    status = "200 OK"
    try:
        exec(source, names)
        body = repr(names["answer"])
    except BaseException:
        status, body = "500 Oh", traceback.format_exc()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("X-Pid", str(os.getpid()))])
    return [body.encode()]
