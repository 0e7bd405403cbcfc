"""What is measured: a kind of work, and the way on which requests reach the server.

A case is named TOPOLOGY-WORK or TOPOLOGY-WORK@CONNECTIONS: http-hello, nginx-flask, http-hello@1.
"""

import hashlib
from dataclasses import dataclass

ALPHABET = bytes(range(32, 96))


class CaseError(ValueError):
    """A case that does not exist."""


@dataclass(frozen=True)
class Work:
    """One kind of request. `threads` and `background` are 0 and "" unless the work needs them."""

    name: str
    path: str
    expect: bytes
    module: str = "plain"
    upload: int = 0  # bytes of the request body; 0 is a GET
    threads: int = 0  # threads for each process, instead of those asked for
    background: str = ""  # a path, of 0.1 s, that further connections ask for all the time
    streamed: bool = False  # a response without a length
    floor: bool = True  # whether the floor, which has no Python, can answer it
    blade: str = ""  # cache or static: what answers instead of the application

    @property
    def method(self):
        return "POST" if self.upload else "GET"

    @property
    def body(self):
        return b"x" * self.upload


@dataclass(frozen=True)
class Topology:
    """A way to the server. `speaks` is the protocol that the server needs, `front` that nginx stands before it."""

    name: str
    speaks: str  # http or uwsgi
    front: bool = False
    unix: bool = False
    headers: tuple = ()  # what the load generator adds
    closes: bool = False  # a connection for each request


@dataclass(frozen=True)
class Case:
    name: str
    topology: Topology
    work: Work
    connections: int


WORKS = {w.name: w for w in (
    Work("hello", "/hello", b"Hello, World!\n"),
    Work("flask", "/json", b'{"items":[1,2,3],"message":"Hello, World!","nested":{"ok":true}}\n', module="flaskjson",
         floor=False),
    Work("get10k", "/10k", ALPHABET * 160),
    Work("get1m", "/1m", ALPHABET * 16384),
    Work("post10k", "/upload", b"10240\n", upload=10 << 10),
    Work("post1m", "/upload", b"1048576\n", upload=1 << 20),
    Work("stream", "/stream", ALPHABET * 64 * 16, streamed=True, floor=False),
    Work("sleep", "/sleep", b"Hello, World!\n", threads=8, floor=False),
    Work("cached", "/1k", ALPHABET * 16, blade="cache"),
    Work("static1k", "/static/1k", ALPHABET * 16, blade="static", floor=False),
    Work("static1m", "/static/1m", ALPHABET * 16384, blade="static", floor=False),
    Work("mixed", "/hello", b"Hello, World!\n", threads=2, background="/slow", floor=False),
)}

TOPOLOGIES = {t.name: t for t in (
    Topology("http", "http"),
    Topology("close", "http", headers=("Connection: close",), closes=True),
    Topology("nginx", "uwsgi", front=True, unix=True),
    Topology("nginxtcp", "uwsgi", front=True),
    Topology("proxy", "http", front=True),
)}

QUICK = "http-hello,nginx-hello,http-flask"
ALL = ("http-hello,http-flask,close-hello,nginx-hello,nginx-flask,nginxtcp-hello,proxy-hello,"
       "http-hello@1,nginx-hello@1,http-get10k,http-get1m,nginx-get1m,http-post10k,http-post1m,nginx-post1m,"
       "http-stream,http-sleep,nginx-sleep,http-mixed,nginx-mixed,"
       "http-cached,nginx-cached,http-static1k,http-static1m")

# The files that the work static asks for, and one that stands for a fixed answer.
FILES = {"1k": ALPHABET * 16, "1m": ALPHABET * 16384}


def digest_of(work):
    """What /digest must answer to the work's upload."""
    return hashlib.sha256(work.body).hexdigest().encode() + b"\n"


def parse(text, connections):
    """Turns a comma-separated list of names into cases; raises CaseError."""
    return [parse_one(name.strip(), connections) for name in text.split(",") if name.strip()]


def parse_one(name, connections):
    rest, at, count = name.partition("@")
    topology, _, work = rest.partition("-")
    if topology not in TOPOLOGIES or work not in WORKS or (at and not count.isdigit()):
        raise CaseError(f"no case {name!r}: a case is TOPOLOGY-WORK[@CONNECTIONS], topologies "
                        f"{', '.join(TOPOLOGIES)}, work {', '.join(WORKS)}")
    return Case(name, TOPOLOGIES[topology], WORKS[work], int(count) if at else connections)
