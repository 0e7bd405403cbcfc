"""The origin server of the HTTP cache tests (npm package http-cache-tests) as a WSGI application.

It plays the part of that suite's own server: a test puts the answers that it wants to /config/UUID, asks for /test/UUID
through the cache, and reads from /state/UUID what reached the origin. One process, any number of threads.
"""

import email.utils
import http
import json
import threading
import time

CONFIGS = {}
STATES = {}
LOCK = threading.Lock()

DATES = {"date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"}
LOCATIONS = {"location", "content-location"}
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers", "trailer",
    "transfer-encoding", "upgrade", "proxy-connection",
}


def application(environ, start_response):
    _, kind, uuid, *_ = environ["PATH_INFO"].split("/") + ["", ""]
    if kind == "config":
        return configure(environ, start_response, uuid)
    if kind == "test":
        return test(environ, start_response, uuid)
    if kind == "state" and uuid in STATES:
        return plain(start_response, "200 OK", json.dumps(STATES[uuid]))
    return plain(start_response, "404 Not Found", "nothing here")


def plain(start_response, status, text):
    start_response(status, [("Content-Type", "text/plain")])
    return [text.encode()]


def configure(environ, start_response, uuid):
    if environ["REQUEST_METHOD"] != "PUT":
        return plain(start_response, "405 Method Not Allowed", "PUT it")
    with LOCK:
        if uuid in CONFIGS:
            return plain(start_response, "409 Conflict", "it is there")
        CONFIGS[uuid] = json.load(environ["wsgi.input"])
    return plain(start_response, "201 Created", "OK")


def test(environ, start_response, uuid):
    with LOCK:
        requests = CONFIGS.get(uuid)
        if requests is None:
            return plain(start_response, "409 Conflict", "no such test")
        state = STATES.setdefault(uuid, [])
        number = int((environ.get("HTTP_REQ_NUM") or str(len(state) + 1)).split(",")[0])
        if not 1 <= number <= len(requests):
            return plain(start_response, "409 Conflict", "no such request")
        wanted = requests[number - 1]
        before = requests[number - 2] if number > 1 else {}
        status, headers, saved = answer(environ, wanted, before, len(state) + 1, number)
        state.append({
            "request_num": number, "request_method": environ["REQUEST_METHOD"],
            "request_headers": request_headers(environ), "response_headers": saved,
        })
        headers.append(("Request-Numbers", " ".join(str(item["request_num"]) for item in state)))
    if wanted.get("disconnect"):
        raise ConnectionError("the test wants no answer")
    start_response(status, headers)
    if status[:3] in ("204", "304"):
        return []
    body = wanted.get("response_body")
    return [(uuid if body is None else body).encode()]


def answer(environ, wanted, before, count, number):
    """Gives the status line, the header, and what of it the test wants to find in the state."""
    code, reason = status_of(environ, wanted, before)
    now = time.time()
    base = environ["REQUEST_URI"]
    headers = [
        ("Server-Base-Url", base), ("Server-Request-Count", str(count)), ("Client-Request-Count", str(number)),
        ("Server-Now", str(int(now * 1000))), ("Capability-Seen", environ.get("HTTP_SURROGATE_CAPABILITY", "")),
    ]
    saved = {}
    for header in wanted.get("response_headers", []):
        name, value, *keep = header
        lower = name.lower()
        if lower in DATES and isinstance(value, int):
            value = date(now, value, lower in wanted.get("rfc850date", []))
        elif lower in LOCATIONS and wanted.get("magic_locations"):
            value = base + "/" + value if value else base
        header[1] = value  # the next request may be compared with it
        if lower in HOP_BY_HOP:
            continue  # PEP 3333 leaves these to the server
        headers.append((name, str(value)))
        if not keep or keep[0] is True:
            saved.setdefault(name, []).append(str(value))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain"))
    saved = [(name, values[0] if len(values) == 1 else values) for name, values in saved.items()]
    return f"{code} {reason}", headers, saved


def status_of(environ, wanted, before):
    code, reason = wanted.get("response_status", [200, "OK"])
    if str(wanted.get("expected_type", "")).endswith("validated"):
        code, reason = 999, "304 Not Generated"
        since, match = previous(before, "last-modified"), previous(before, "etag")
        if since is not None and environ.get("HTTP_IF_MODIFIED_SINCE") == since:
            code, reason = 304, "Not Modified"
        if match is not None and environ.get("HTTP_IF_NONE_MATCH") == match:
            code, reason = 304, "Not Modified"
    try:
        reason = reason or http.HTTPStatus(code).phrase
    except ValueError:
        reason = "Unknown"
    return code, reason


def previous(before, name):
    """The value that an earlier answer of the same test had, after its dates were filled in."""
    for known, value, *_ in reversed(before.get("response_headers", [])):
        if known.lower() == name:
            return value
    return None


def date(now, delta, rfc850):
    at = time.gmtime(now + delta)
    if rfc850:
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", at)
    return email.utils.formatdate(now + delta, usegmt=True)


def request_headers(environ):
    headers = {}
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            headers[name[5:].replace("_", "-").lower()] = value
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers
