"""Applications by path, for the tests of the queue with a real worker."""
import os
import time


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


def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def environ_text(environ, start_response):
    start_response("200 OK", [])
    return [repr(sorted(environ.items(), key=lambda item: item[0])).encode()]


def application(environ, start_response):
    return globals()[environ["PATH_INFO"].lstrip("/")](environ, start_response)
