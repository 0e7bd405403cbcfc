"""The servers: what each can do, and how it is started."""

import os
import shutil
from dataclasses import dataclass, replace

from . import nginx

PENKNIFE = "penknife"


@dataclass(frozen=True)
class Start:
    """What a server is started with. `http` and `uwsgi` are addresses; the one that is not needed is empty."""

    root: str
    python: str
    module: str
    processes: int
    threads: int
    http: str = ""  # HOST:PORT
    uwsgi: str = ""  # HOST:PORT, or the path of a unix socket
    closes: bool = False  # each connection is for one request
    streamed: bool = False  # responses have no length
    blade: str = ""  # of the work
    files: str = ""  # a directory with cases.FILES, for a blade

    @property
    def apps(self):
        return os.path.join(self.root, "bench", "apps")

    @property
    def application(self):
        return self.module + ":application"

    @property
    def port(self):
        return self.http.rpartition(":")[2]

    def tool(self, name):
        """A program of the bench's environment."""
        return os.path.join(os.path.dirname(self.python), name)


@dataclass(frozen=True)
class Peer:
    """A server under measurement. `command` turns a Start into argv."""

    name: str
    command: object
    speaks: tuple = ("http",)
    threads: bool = True  # whether it can have more than one thread in a process
    processes: bool = True  # whether it can have more than one process; else it gets as many threads instead
    needs: str = ""  # a program that must exist: a name on PATH or a path below the repository
    module: str = ""  # a Python distribution that must be installed
    note: str = ""
    blades: tuple = ("",)  # for which works it is a peer


def penknife(s):
    argv = [os.path.join(s.root, "bin", "penknife"), "serve", s.application]
    if s.http:
        argv += ["--http", s.http]
    if s.uwsgi:
        argv += ["--uwsgi", s.uwsgi if ":" in s.uwsgi else "unix:" + s.uwsgi]
    argv += {"cache": ["--cache", "64MiB"], "static": ["--static", "/static/=" + s.files]}.get(s.blade, [])
    return argv + ["--processes", str(s.processes), "--threads", str(s.threads), "--chdir", s.apps,
                   "--python", s.python]


def penknife_fixed(s):
    """What a front end with a fixed answer costs: a file of the same size, from memory."""
    return penknife(replace(s, blade="")) + ["--static", "/1k=" + os.path.join(s.files, "1k")]


def nginx_static(s):
    return nginx.static_command(s.files, s.http, s.processes)


def uwsgi_base(s, plugins):
    argv = ["uwsgi", "--plugin", plugins, "--master", "--disable-logging", "--need-app", "--die-on-term",
            "-p", str(s.processes), "--virtualenv", os.path.dirname(os.path.dirname(s.python)),
            "--chdir", s.apps, "--module", s.application]
    return argv + (["--threads", str(s.threads)] if s.threads > 1 else [])


def uwsgi(s):
    """--http11-socket ignores "Connection: close", and sends no length and no chunks unless it is told to."""
    if s.uwsgi:
        return uwsgi_base(s, "python3") + ["--uwsgi-socket", s.uwsgi]
    if s.closes:
        return uwsgi_base(s, "python3") + ["--http-socket", s.http, "--add-header", "Connection: close"]
    if s.streamed:
        return uwsgi_base(s, "python3,transformation_chunked") + [
            "--http11-socket", s.http, "--route-run", "chunked:", "--tcp-nodelay"]
    return uwsgi_base(s, "python3") + ["--http11-socket", s.http]


def uwsgi_router(s):
    return uwsgi_base(s, "python3,http") + ["--http", s.http, "--http-keepalive", "--http-auto-chunked"]


def gunicorn(s, *more):
    return [s.python, "-m", "gunicorn", "-w", str(s.processes), "--chdir", s.apps, "--log-level", "warning",
            *more, s.application]


def gunicorn_sync(s):
    return gunicorn(s, "-b", s.http)


def gunicorn_gthread(s):
    return gunicorn(s, "-b", s.http, "-k", "gthread", "--threads", str(s.threads))


def gunicorn_uwsgi(s):
    bind = s.uwsgi if ":" in s.uwsgi else "unix:" + s.uwsgi
    more = ["--threads", str(s.threads)] if s.threads > 1 else []
    return gunicorn(s, "-b", bind, "--protocol", "uwsgi", *more)


def granian(s):
    return [s.tool("granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", s.port, "--http", "1",
            "--workers", str(s.processes), "--blocking-threads", str(s.threads), "--no-ws", "--log-level", "warning",
            "--working-dir", s.apps, s.application]


def fastpysgi(s):
    return [s.python, os.path.join(s.apps, "serve_fastpysgi.py"), s.module, s.port, str(s.processes)]


def waitress(s):
    return [s.tool("waitress-serve"), "--listen", s.http, "--threads", str(s.processes * s.threads), s.application]


def cheroot(s):
    return [s.tool("cheroot"), "--bind", s.http, "--threads", str(s.processes * s.threads), "--chdir", s.apps,
            s.application]


def floor(s):
    return [os.path.join(s.root, "bin", "bench-floor"), s.http]


ONE_PROCESS = "one process, with the threads of all"
PEERS = {p.name: p for p in (
    Peer(PENKNIFE, penknife, speaks=("http", "uwsgi"), needs="bin/penknife", blades=("", "cache", "static")),
    Peer("penknife-fixed", penknife_fixed, speaks=("http", "uwsgi"), needs="bin/penknife", blades=("cache",),
         note="a file of the same size from penknife's memory"),
    Peer("nginx-static", nginx_static, needs="nginx", blades=("static",), note="open_file_cache, sendfile, as many workers"),
    Peer("uwsgi", uwsgi, speaks=("http", "uwsgi"), needs="uwsgi", note="HTTP: --http11-socket, --http-socket where connections close"),
    Peer("uwsgi-router", uwsgi_router, needs="uwsgi", note="--http, a process of its own before the workers"),
    Peer("gunicorn-sync", gunicorn_sync, threads=False, module="gunicorn", note="closes each connection"),
    Peer("gunicorn-gthread", gunicorn_gthread, module="gunicorn"),
    Peer("gunicorn-uwsgi", gunicorn_uwsgi, speaks=("uwsgi",), module="gunicorn"),
    Peer("granian", granian, module="granian"),
    Peer("fastpysgi", fastpysgi, threads=False, module="fastpysgi"),
    Peer("waitress", waitress, processes=False, module="waitress", note=ONE_PROCESS),
    Peer("cheroot", cheroot, processes=False, module="cheroot", note=ONE_PROCESS),
    Peer("floor", floor, needs="bin/bench-floor", note="no Python: a bare fasthttp handler, threads as Go chooses",
         blades=("", "cache")),
)}
QUICK = "penknife,uwsgi,gunicorn-gthread,granian,floor"


def missing(peer, root, installed):
    """Says why a peer cannot be started here, or "". installed maps distributions to versions."""
    if peer.module and peer.module not in installed:
        return f"{peer.module} is not installed"
    if "/" in peer.needs:
        return "" if os.access(os.path.join(root, peer.needs), os.X_OK) else f"{peer.needs} is not built"
    if peer.needs and not shutil.which(peer.needs):
        return f"no {peer.needs} on PATH"
    return ""


def suits(peer, case, threads):
    """Whether a case makes sense for a peer; threads is what the run asks for."""
    if case.topology.speaks not in peer.speaks or case.work.blade not in peer.blades:
        return False
    if peer.name == "floor":
        return case.work.floor
    return peer.threads or max(threads, case.work.threads) == 1
