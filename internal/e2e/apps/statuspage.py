"""Puts what nobody wants on a page into an error and into a path that takes long."""
from streams import wait_at
from urllib.parse import parse_qs


def application(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">")
    if environ["PATH_INFO"].startswith("/wait"):
        wait_at(parse_qs(environ["QUERY_STRING"])["gate"][0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]
