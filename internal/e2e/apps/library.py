"""Names the file that the path says, for the server to send."""


def application(environ, start_response):
    kind, _, name = environ["PATH_INFO"].lstrip("/").partition("/")
    field = {"accel": "X-Accel-Redirect", "sendfile": "X-Sendfile"}.get(kind, "X-Other")
    start_response("200 OK", [(field, environ["QUERY_STRING"]), ("Content-Type", "application/x-own"), ("Set-Cookie", "seen=1"),
                              ("Content-Disposition", 'attachment; filename="%s"' % name)])
    return [b"not this"]
