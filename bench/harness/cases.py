"""What is measured: a kind of work, and the way on which requests reach the server.

A case is named TOPOLOGY-WORK, and behind it what differs from the run: @CONNECTIONS, xPROCESSES, ~RATE. http-hello,
nginx-flask, http-hello@1, http-hello@64x4, nginx-hello~5000. What is not about requests per second is in extras.py.
"""

import hashlib
import re
from dataclasses import dataclass

from . import database, extras

CONNECTIONS = 32  # unless a run or a case says otherwise
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
    blade: str = ""  # what it is about, if not the application: peers.Peer.blades

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
    processes: int = 0  # instead of the run's
    rate: float = 0.0  # requests per second, all in all; 0: as many as are answered


WORKS = {w.name: w for w in (
    Work("hello", "/hello", b"Hello, World!\n"),
    Work("flask", "/json", b'{"items":[1,2,3],"message":"Hello, World!","nested":{"ok":true}}\n', module="flaskjson",
         floor=False),
    Work("get10k", "/10k", ALPHABET * 160),
    Work("get1m", "/1m", ALPHABET * 16384),
    Work("post10k", "/upload", b"10240\n", upload=10 << 10),
    Work("post1m", "/upload", b"1048576\n", upload=1 << 20),
    Work("django", "/shelf/3", database.page(3), module="djangopage", floor=False),
    Work("stream", "/stream", ALPHABET * 64 * 16, streamed=True, floor=False),
    Work("sleep", "/sleep", b"Hello, World!\n", threads=8, floor=False),
    Work("cached", "/1k", ALPHABET * 16, blade="cache"),
    Work("static1k", "/static/1k", ALPHABET * 16, blade="static", floor=False),
    Work("static1m", "/static/1m", ALPHABET * 16384, blade="static", floor=False),
    Work("memory", "/", b"Hello, World!\n", module="big", blade="memory"),
    Work("allocs", "/hello", b"Hello, World!\n", blade="allocs"),
    Work("mixed", "/hello", b"Hello, World!\n", threads=2, background="/slow", floor=False),
)}

TOPOLOGIES = {t.name: t for t in (
    Topology("http", "http"),
    Topology("close", "http", headers=("Connection: close",), closes=True),
    Topology("nginx", "uwsgi", front=True, unix=True),
    Topology("nginxtcp", "uwsgi", front=True),
    Topology("proxy", "http", front=True),
)}

# Besides those of WORKS: a response or an upload of any size, get64k, post4m, get0.
SIZED = re.compile(r"(get|post)(\d+)([km]?)")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}
MOST = 64 << 20
NAME = re.compile(r"([a-z]+)-([a-z0-9]+?)(?:@([1-9]\d*))?(?:x([1-9]\d*))?(?:~([1-9]\d*))?")

QUICK = "http-hello,nginx-hello,http-flask"
ALL = ("http-hello,http-hello@256,http-hello@32x1,http-flask,http-flask@256,http-django,close-hello,close-hello@1,"
       "close-hello@256,nginx-hello,nginx-hello@256,nginx-hello@32x1,nginx-flask,nginx-django,nginxtcp-hello,"
       "nginxtcp-hello@1,nginxtcp-hello@256,proxy-hello,proxy-hello@1,proxy-hello@256,http-hello@1,nginx-hello@1,"
       "http-hello~5000,nginx-hello~5000,http-get10k,http-get1m,nginx-get10k,nginx-get1m,http-post10k,http-post1m,"
       "nginx-post10k,nginx-post1m,http-stream,nginx-stream,http-sleep,http-sleep~500,nginx-sleep,http-mixed,nginx-mixed,"
       "http-cached,nginx-cached,http-static1k,http-static1m,memory,idle,allocs")

# The files that the work static asks for, and one that stands for a fixed answer.
FILES = {"1k": ALPHABET * 16, "1m": ALPHABET * 16384}


def digest_of(work):
    """What /digest must answer to the work's upload."""
    return hashlib.sha256(work.body).hexdigest().encode() + b"\n"


def parse(text, connections):
    """Turns a comma-separated list of names into cases; raises CaseError."""
    return [parse_one(name.strip(), connections) for name in text.split(",") if name.strip()]


def parse_one(name, connections):
    extra = extras.parse(name)
    if extra:
        return extra
    found = NAME.fullmatch(name)
    work = found and found[1] in TOPOLOGIES and work_of(found[2])
    if not work:
        raise CaseError(f"no case {name!r}: a case is TOPOLOGY-WORK[@CONNECTIONS][xPROCESSES][~RATE], topologies "
                        f"{', '.join(TOPOLOGIES)}, work {', '.join(WORKS)}, getSIZE, postSIZE; or {', '.join(extras.KINDS)}")
    return Case(name, TOPOLOGIES[found[1]], work, int(found[3] or connections), int(found[4] or 0), float(found[5] or 0))


def work_of(name):
    """A work by its name, None if there is none."""
    if name in WORKS:
        return WORKS[name]
    found = SIZED.fullmatch(name)
    size = int(found[2]) * UNITS[found[3]] if found else MOST + 1
    if size > MOST:
        return None
    if found[1] == "post":
        return Work(name, "/upload", b"%d\n" % size, upload=size)
    return Work(name, f"/bytes?{size}", (ALPHABET * (size // len(ALPHABET) + 1))[:size])
