"""An application that computes for some milliseconds."""


def application(environ, start_response):
    total = sum(range(1_000_000))
    body = str(total).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
