"""The demo: plain WSGI, nothing to install. `make run` serves it."""
import html
import os
import platform
import time

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>penknife</title>
<meta name="viewport" content="width=device-width">
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222 }}
 h1 {{ font-weight: 600 }} h1 span {{ color: #a33 }}
 table {{ border-collapse: collapse; width: 100% }} td {{ padding: .25rem .5rem; border-top: 1px solid #ddd; vertical-align: top }}
 td:first-child {{ white-space: nowrap; color: #666 }} code {{ background: #f3f3f3; padding: 0 .25rem }}
</style>
<h1><span>penknife</span> runs your Python</h1>
<p>This page came from worker process <strong>{pid}</strong>, its request number <strong>{count}</strong>.
Reload, and another worker may answer. Try also <a href="/stream">a stream</a>, <a href="/error">an error</a>
and <a href="/die">a worker's death</a>.</p>
<table>{rows}</table>
</html>
"""

count = 0


def rows(environ):
    """What is worth seeing, as table rows."""
    facts = {
        "front end": environ.get("SERVER_SOFTWARE") or "–",
        "request": "%s %s %s" % (environ["REQUEST_METHOD"], environ.get("REQUEST_URI", ""), environ["SERVER_PROTOCOL"]),
        "client": environ.get("REMOTE_ADDR") or "unix socket",
        "Python": platform.python_version(),
        "processes, threads": "%s, %s" % ("several" if environ["wsgi.multiprocess"] else "one",
                                          "several" if environ["wsgi.multithread"] else "one"),
    }
    facts.update((k, v) for k, v in sorted(environ.items()) if k.startswith("HTTP_") and k != "HTTP_COOKIE")
    return "".join("<tr><td>%s<td>%s" % (html.escape(k), html.escape(str(v))) for k, v in facts.items())


def stream():
    """A line a second: each arrives when it is made."""
    for i in range(10):
        yield b"line %d\n" % i
        time.sleep(1)


def application(environ, start_response):
    global count
    count += 1
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return stream()
    if path == "/error":
        raise RuntimeError("this is what the demo does at /error; the traceback is in penknife's output")
    if path == "/die":
        os.kill(os.getpid(), 9)
    if path != "/":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    body = PAGE.format(pid=os.getpid(), count=count, rows=rows(environ)).encode("utf-8")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
