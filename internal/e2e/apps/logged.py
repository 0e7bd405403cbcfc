"""Says what it was told about a request, and writes and fails on demand."""
import sys
import time


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise KeyError("boom of " + environ.get("REQUEST_ID", "-"))
    if path == "/say":
        environ["wsgi.errors"].write("said-something\n")
    if path == "/slow":
        print("slow-entered", flush=True)
        time.sleep(3)
    if path == "/flood":
        for i in range(int(environ["QUERY_STRING"])):
            print("flood-line", i)
        sys.stdout.flush()
    if path == "/binary":
        sys.stdout.buffer.write(b"binary \x1b[31m \x00 \xff end-of-binary\n")
        sys.stdout.flush()
    if path == "/json":
        print('{"own": "line"}', flush=True)
    body = "|".join(environ.get(name, "-") for name in ("REQUEST_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE")).encode("latin-1")
    if path == "/big":
        body = b"x" * (64 << 20)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Answer", "a b")])
    return [body]
