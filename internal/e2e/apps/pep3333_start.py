"""Cases about start_response: rules 3, 6, 22 to 30, 40 and 43 to 45."""
import gc
import sys
import weakref

from pep3333_tools import Closing, TEXT, answer_json, case, record, wait_at


def raised():
    """An exception and its exc_info, with a frame that the tests know."""
    try:
        where_it_was_raised()
    except ValueError:
        return sys.exc_info()


def where_it_was_raised():
    raise ValueError("the original")


@case("/start/positional")
def positional(environ, start_response, query):
    write = start_response("200 OK", list(TEXT), None) if "exc" in query else start_response("200 OK", list(TEXT))
    write(b"written;")
    refused = []
    for wrong in ("text", 5, None, ["list"]):
        try:
            write(wrong)
        except (TypeError, AssertionError, ValueError):
            refused.append(repr(wrong))
    return [b"%d refused" % len(refused)]


@case("/start/none")
def never(environ, start_response, query):
    return Closing(query, [b"a body without a head"])


@case("/start/replaced")
def replaced(environ, start_response, query):
    """The first head must not be sent: nothing but empty blocks came before the second."""
    start_response("200 First", [("X-First", "yes")])
    yield b""
    yield b""
    start_response("503 Second", [("X-Second", "yes")], raised())
    yield b""
    yield b"body"


@case("/start/replaced-early")
def replaced_early(environ, start_response, query):
    start_response("200 First", [("X-First", "yes")])
    start_response("503 Second", [("X-Second", "yes")], raised())
    return [b"body"]


@case("/start/empty")
def empty(environ, start_response, query):
    """No block but empty ones: the head is sent at the end."""
    start_response("200 OK", TEXT + [("X-Empty", "yes")])
    return iter([b"", b"", b""][:int(query["n"])])


@case("/start/raise-after-empty")
def raise_after_empty(environ, start_response, query):
    start_response("200 OK", TEXT)
    yield b""
    raise ValueError("on purpose after an empty block")


@case("/start/twice")
def twice(environ, start_response, query):
    start_response("200 OK", TEXT)
    try:
        start_response("201 Created", TEXT)
    except Exception as e:
        return [b"raised " + type(e).__name__.encode()]
    return [b"nothing raised"]


@case("/start/twice-after-error")
def twice_after_error(environ, start_response, query):
    found = []
    for status in ("200 with\nbreak", "200 OK"):
        try:
            start_response(status, TEXT)
            found.append("nothing")
        except Exception:
            found.append("raised")
    start_response("200 OK", list(TEXT), raised())
    return ["/".join(found).encode()]


@case("/start/late-exc-info")
def late(environ, start_response, query):
    """exc_info after the head was sent: the original must be raised, with its traceback."""
    start_response("200 OK", TEXT)
    yield b"sent;"
    info = raised()
    try:
        start_response("500 Late", TEXT, info)
        yield b"nothing raised"
    except BaseException as e:
        names = []
        trace = e.__traceback__
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        yield b"same:%d traceback:%d" % (e is info[1], "where_it_was_raised" in names)


@case("/start/late-uncaught")
def late_uncaught(environ, start_response, query):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    yield b"sent;"
    start_response("500 Late", TEXT, raised())
    yield b"not reached"


@case("/start/cycle")
def cycle(environ, start_response, query):
    """Nothing may keep the exception alive once the application has let go of it; no collector helps."""
    class Marked(Exception):
        pass
    gc.disable()
    try:
        start_response("200 OK", TEXT)
        try:
            raise Marked("marked")
        except Marked as e:
            reference = weakref.ref(e)
            start_response("200 OK", list(TEXT), sys.exc_info())
        return [b"gone" if reference() is None else b"kept"]
    finally:
        gc.enable()


WRONG_CALLS = {
    "status-bytes": (b"200 OK", TEXT),
    "status-none": (None, TEXT),
    "status-short": ("20 OK", TEXT),
    "status-word": ("OK fine", TEXT),
    "status-break": ("200 OK\r\nX-Evil: yes", TEXT),
    "status-lf": ("200 OK\n", TEXT),
    "status-nul": ("200 O\x00K", TEXT),
    "status-wide": ("200 \u0100", TEXT),
    "headers-tuple": ("200 OK", tuple(TEXT)),
    "headers-dict": ("200 OK", dict(TEXT)),
    "headers-none": ("200 OK", None),
    "header-triple": ("200 OK", [("A", "b", "c")]),
    "header-single": ("200 OK", [("A",)]),
    "header-text": ("200 OK", ["A: b"]),
    "name-bytes": ("200 OK", [(b"A", "b")]),
    "name-empty": ("200 OK", [("", "b")]),
    "name-space": ("200 OK", [("A b", "c")]),
    "name-colon": ("200 OK", [("A:", "c")]),
    "name-break": ("200 OK", [("A\r\nB", "c")]),
    "name-wide": ("200 OK", [("A\u0100", "c")]),
    "name-latin": ("200 OK", [("A\xe9", "c")]),
    "value-bytes": ("200 OK", [("A", b"b")]),
    "value-int": ("200 OK", [("Content-Length", 5)]),
    "value-none": ("200 OK", [("A", None)]),
    "value-crlf": ("200 OK", [("A", "b\r\nX-Evil: yes")]),
    "value-cr": ("200 OK", [("A", "b\rc")]),
    "value-lf": ("200 OK", [("A", "b\nc")]),
    "value-nul": ("200 OK", [("A", "b\x00c")]),
    "value-wide": ("200 OK", [("A", "\u20ac")]),
    "length-word": ("200 OK", [("Content-Length", "five")]),
    "length-sign": ("200 OK", [("Content-Length", "+5")]),
    "length-negative": ("200 OK", [("Content-Length", "-5")]),
}
for name in ("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers",
             "Transfer-Encoding", "Upgrade"):
    WRONG_CALLS["hop-" + name] = ("200 OK", [(name, "x")])
    WRONG_CALLS["hop-" + name.lower()] = ("200 OK", [(name.lower(), "x")])


@case("/start/wrong")
def wrong(environ, start_response, query):
    """start_response itself must raise, while the application can still handle it."""
    try:
        start_response(*WRONG_CALLS[query["case"]])
    except Exception as e:
        start_response("200 OK", list(TEXT), sys.exc_info())
        return [b"raised " + type(e).__name__.encode()]
    return [b"nothing raised"]


@case("/start/wrong-uncaught")
def wrong_uncaught(environ, start_response, query):
    start_response(*WRONG_CALLS[query["case"]])
    return [b"body"]


@case("/start/headers")
def headers(environ, start_response, query):
    """Unusual but legal."""
    start_response("299 Very \xe9 Special (reason)", [
        ("Set-Cookie", "a=1; Path=/"), ("sEt-cOOkie", "b=2"), ("X-Latin", "caf\xe9"), ("X-Empty", ""),
        ("x-lower", "kept"), ("X-Tab", "a\tb"), ("Content-Encoding", "odd"), ("ETag", '"x"'),
        ("Cache-Control", "no-transform")])
    return [b"body"]


@case("/start/date")
def date(environ, start_response, query):
    extra = [("dAtE", "Thu, 01 Jan 1970 00:00:00 GMT"), ("sErVeR", "mine")] if "own" in query else []
    start_response("200 OK", TEXT + extra)
    return [b"body"]


SHARED = [("Content-Type", "text/plain"), ("X-Shared", "yes")]


@case("/start/shared-list")
def shared_list(environ, start_response, query):
    """The server may change the list only in ways that do not show: it is the same one each time."""
    start_response("200 OK", SHARED)
    return [b"%d" % len(SHARED)]


@case("/start/late")
def generator(environ, start_response, query):
    """start_response in the first next()."""
    record(query, "next")
    start_response("202 Late", TEXT)
    yield b"late"


@case("/start/raise")
def raise_first(environ, start_response, query):
    start_response("200 OK", TEXT)
    raise {"value": ValueError, "exit": SystemExit, "interrupt": KeyboardInterrupt, "base": BaseException,
           "generator": GeneratorExit}[query["what"]]("raised-on-purpose-%s" % query["what"])


@case("/start/raise-later")
def raise_later(environ, start_response, query):
    def body():
        yield b"x" * 100
        if "gate" in query:
            wait_at(query["gate"])
        raise ValueError("raised-in-the-body")
    start_response("200 OK", TEXT + ([("Content-Length", "200")] if "length" in query else []))
    return Closing(query, body())


@case("/start/raise-first-next")
def raise_first_next(environ, start_response, query):
    def body():
        raise ValueError("raised-in-the-first-next")
        yield b""
    start_response("200 OK", TEXT)
    return Closing(query, body())


@case("/start/status")
def status(environ, start_response, query):
    start_response(query["status"], [("X-Kept", "yes")] + ([("Content-Length", "4")] if "length" in query else []))
    return Closing(query, [b"body"])


@case("/start/json")
def plain(environ, start_response, query):
    return answer_json(start_response, True)
