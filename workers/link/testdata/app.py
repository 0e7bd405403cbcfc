"""Applications by path, for the tests of the queue with a real worker."""
import os
import socket
import threading
import time


class RequestTimeout(BaseException):
    pass


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello world"]


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


def busy_echo(environ, start_response):
    """As echo, after a millisecond or so of work."""
    sum(range(40_000))
    return echo(environ, start_response)


def pump(environ, start_response):
    """The request body in pieces, as it is read."""
    start_response("200 OK", [])
    source = environ["wsgi.input"]
    return iter(lambda: source.read(10000), b"")


def lines(environ, start_response):
    start_response("200 OK", [])
    return [b"%d lines" % sum(1 for line in environ["wsgi.input"] if line.endswith(b"\n"))]


def stream(environ, start_response):
    start_response("200 OK", [])
    for n in range(int(environ["HTTP_X_BLOCKS"])):
        yield b"%06d" % n * 100


def fails(environ, start_response):
    raise ValueError("before the head")


def cut(environ, start_response):
    start_response("200 OK", [])
    yield b"part"
    raise ValueError("after the head")


def short(environ, start_response):
    start_response("200 OK", [("Content-Length", "10")])
    return [b"short"]


def dies(environ, start_response):
    os._exit(7)


def forks(environ, start_response):
    """The child comes back to the server, as after a forgotten os._exit."""
    os.fork()
    start_response("200 OK", [])
    return [b"once"]


def hangs(environ, start_response):
    while True:
        time.sleep(0.05)


def naps(environ, start_response):
    time.sleep(float(environ["HTTP_X_NAP"]))
    return hello(environ, start_response)


def naps_twice(environ, start_response):
    """Between two blocks, and in close()."""
    start_response("200 OK", [])
    return Naps(float(environ["HTTP_X_NAP"]))


class Naps:
    def __init__(self, seconds):
        self.seconds = seconds

    def __iter__(self):
        yield b"first"
        time.sleep(self.seconds)
        yield b"second"

    def close(self):
        time.sleep(self.seconds)


def waits(environ, start_response):
    """In the way that the header says, until it is interrupted. 200 if that was an exception that went through here."""
    try:
        {
            "sleep": lambda: time.sleep(60),
            "loop": loop,
            "lock": held.acquire,
            "recv": lambda: pair[0].recv(1),
            "join": threading.Event().wait,
        }[environ["HTTP_X_WAY"]]()
    except RequestTimeout:
        return hello(environ, start_response)


def loop():
    while True:
        pass


held = threading.Lock()
held.acquire()
pair = socket.socketpair()


def swallows(environ, start_response):
    """Cannot be interrupted."""
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


strays = []


def spins(environ, start_response):
    """Works in the call, in the iteration and in close(), where no exception may come."""
    sum(range(20000))
    start_response("200 OK", [])
    return Spins(environ["HTTP_X_ID"].encode())


class Spins:
    def __init__(self, id):
        self.id = id

    def __iter__(self):
        sum(range(20000))
        yield self.id
        sum(range(20000))

    def close(self):
        try:
            sum(1 for _ in range(5000))
        except BaseException as error:
            strays.append(repr(error))


class SlowToShow(Exception):
    def __str__(self):
        try:
            time.sleep(0.1)
        except BaseException as error:
            strays.append(repr(error))
        return "shown"


def fails_slowly(environ, start_response):
    """Its traceback takes time. That is penknife's work, which nothing may interrupt."""
    raise SlowToShow


def big(environ, start_response):
    """More than the response window holds, in one list: after the last block no more Python runs for it."""
    start_response("200 OK", [])
    return [bytes(60_000)] * 8


def stray(environ, start_response):
    start_response("200 OK", [])
    return [repr(strays).encode()]


def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def environ_text(environ, start_response):
    start_response("200 OK", [])
    return [repr(sorted(environ.items(), key=lambda item: item[0])).encode()]


def application(environ, start_response):
    return globals()[environ["PATH_INFO"].lstrip("/")](environ, start_response)
