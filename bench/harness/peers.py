"""The servers: what each can do, and how it is started."""

import os
import shutil
import socket
from dataclasses import dataclass, replace

from . import apache, nginx
from .environment import DEBIAN_PYTHON

PENKNIFE = "penknife"
DEFAULT_QUEUE = 4096  # of penknife: requests that may wait
BACKLOG = "1024"  # connections not yet accepted, for those that have less by default (uWSGI 100, cheroot 5)


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
    scratch: str = ""  # a directory for what the server itself needs
    connections: int = 0  # that the load generator will have

    @property
    def apps(self):
        return os.path.join(self.root, "bench", "apps")

    @property
    def application(self):
        return self.module + ":application"

    @property
    def port(self):
        return self.http.rpartition(":")[2]

    @property
    def home(self):
        """The bench's environment."""
        return os.path.dirname(os.path.dirname(self.python))

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
    needs: str = ""  # what must exist: a name on PATH, a path below the repository, or from / on
    module: str = ""  # a Python distribution that must be installed in the bench's environment
    debian: str = ""  # the Debian package that it is from; it runs what needs no other package
    note: str = ""
    blades: tuple = ("",)  # for which works it is a peer


def penknife(s):
    argv = [os.path.join(s.root, "bin", "penknife"), "serve", s.application]
    if s.http:
        argv += ["--http", s.http]
    if s.uwsgi:
        argv += ["--uwsgi", s.uwsgi if ":" in s.uwsgi else "unix:" + s.uwsgi]
    argv += {"cache": ["--cache", "64MiB"], "static": ["--static", "/static/=" + s.files]}.get(s.blade, [])
    # With its default 503 is the answer to whatever does not fit into the queue.
    argv += ["--queue", str(s.connections)] if s.connections >= DEFAULT_QUEUE else []
    return argv + ["--processes", str(s.processes), "--threads", str(s.threads), "--chdir", s.apps,
                   "--python", s.python]


def penknife_fixed(s):
    """What a front end with a fixed answer costs: a file of the same size, from memory."""
    return penknife(replace(s, blade="")) + ["--static", "/1k=" + os.path.join(s.files, "1k")]


def nginx_static(s):
    return nginx.static_command(s.files, s.http, s.processes)


def uwsgi_base(s, plugins):
    argv = ["uwsgi", "--plugin", plugins, "--master", "--disable-logging", "--need-app", "--die-on-term",
            "--listen", BACKLOG, "-p", str(s.processes), "--virtualenv", s.home, "--chdir", s.apps, "--module", s.application]
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


def without_plugins(argv, program):
    """The command for a uWSGI that has all plugins built in, as PyPI's has."""
    at = argv.index("--plugin")
    return [program, *argv[1:at], *argv[at + 2:]]


def uwsgi_pypi(s):
    return without_plugins(uwsgi(s), s.tool("uwsgi"))


def uwsgi_lazy(s):
    return uwsgi(s) + ["--lazy-apps"]


def uwsgi_router(s):
    return uwsgi_base(s, "python3,http") + ["--http", s.http, "--http-keepalive", "--http-auto-chunked"]


def gunicorn(s, *more):
    return [s.python, "-m", "gunicorn", "-w", str(s.processes), "--chdir", s.apps, "--log-level", "warning",
            *more, s.application]


def gunicorn_sync(s):
    return gunicorn(s, "-b", s.http)


def gunicorn_gthread(s):
    return gunicorn(s, "-b", s.http, "-k", "gthread", "--threads", str(s.threads))


def gunicorn_gevent(s):
    return gunicorn(s, "-b", s.http, "-k", "gevent")


def gunicorn_preload(s):
    return gunicorn_gthread(s) + ["--preload"]


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
            "--request-queue-size", BACKLOG, s.application]


def mod_wsgi(s):
    return apache.command(s, "mod_wsgi", apache.pypi_module(s.root), s.home)


def mod_wsgi_debian(s):
    return apache.command(s, "mod_wsgi-debian", apache.DEBIAN_MODULE, "/usr")


def bjoern(s):
    return [s.python, os.path.join(s.apps, "serve_bjoern.py"), s.module, s.port, str(s.processes)]


def gevent(s):
    return [s.python, os.path.join(s.apps, "serve_gevent.py"), s.module, s.port, str(s.processes)]


def with_debian(command):
    """The same command with Debian's Python, which sees Debian's packages and none of the environment's."""
    return lambda s: command(replace(s, python=DEBIAN_PYTHON))


def as_module(command, name):
    """The same with Debian's Python, of a server whose program is a module of Python, too."""
    return lambda s: [DEBIAN_PYTHON, "-m", name, *command(s)[1:]]


def penknife_lazy(s):
    return penknife(s) + ["--preload=false"]


def penknife_base(s):
    """Another build of it, for what a change costs or gains."""
    return [os.path.join(s.root, "bin", "penknife-base"), *penknife(s)[1:]]


def penknife_counted(s):
    """With the listener that tells how much the Go runtime has allocated."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return penknife(s) + ["--admin", f"127.0.0.1:{port}"]


def floor(s):
    return [os.path.join(s.root, "bin", "bench-floor"), s.http]


ONE_PROCESS = "one process, with the threads of all"
GREEN = "greenlets instead of threads, so it waits for more requests at once than the others may"
MEMORY, ALLOCS = "memory", "allocs"  # the blades of extras
PEERS = {p.name: p for p in (
    Peer(PENKNIFE, penknife, speaks=("http", "uwsgi"), needs="bin/penknife", blades=("", "cache", "static", MEMORY)),
    Peer("penknife-lazy", penknife_lazy, needs="bin/penknife", blades=(MEMORY,), note="without preloading"),
    Peer("penknife-base", penknife_base, speaks=("http", "uwsgi"), needs="bin/penknife-base", note="another build of penknife",
         blades=("", "cache", "static", MEMORY)),
    Peer("penknife-counted", penknife_counted, speaks=("http", "uwsgi"), needs="bin/penknife", blades=(ALLOCS,)),
    Peer("penknife-fixed", penknife_fixed, speaks=("http", "uwsgi"), needs="bin/penknife", blades=("cache",),
         note="a file of the same size from penknife's memory"),
    Peer("nginx-static", nginx_static, needs="nginx", blades=("static",), note="open_file_cache, sendfile, as many workers"),
    Peer("uwsgi", uwsgi, speaks=("http", "uwsgi"), needs="uwsgi", note="HTTP: --http11-socket, --http-socket where connections close",
         blades=("", MEMORY)),
    Peer("uwsgi-pypi", uwsgi_pypi, speaks=("http", "uwsgi"), module="uwsgi", note="as uwsgi, of PyPI instead of Debian"),
    Peer("uwsgi-lazy", uwsgi_lazy, needs="uwsgi", blades=(MEMORY,), note="--lazy-apps: without preloading"),
    Peer("uwsgi-router", uwsgi_router, needs="uwsgi", note="--http, a process of its own before the workers"),
    Peer("gunicorn-sync", gunicorn_sync, threads=False, module="gunicorn", note="closes each connection"),
    Peer("gunicorn-gthread", gunicorn_gthread, module="gunicorn", blades=("", MEMORY)),
    Peer("gunicorn-preload", gunicorn_preload, module="gunicorn", blades=(MEMORY,), note="--preload"),
    Peer("gunicorn-uwsgi", gunicorn_uwsgi, speaks=("uwsgi",), module="gunicorn"),
    Peer("gunicorn-gevent", gunicorn_gevent, module="gevent", note=GREEN),
    Peer("gunicorn-debian", with_debian(gunicorn_gthread), debian="gunicorn", note="gthread, of Debian"),
    Peer("gevent", gevent, module="gevent", note="its own pywsgi; " + GREEN),
    Peer("granian", granian, module="granian", blades=("", MEMORY)),
    Peer("fastpysgi", fastpysgi, threads=False, module="fastpysgi"),
    Peer("bjoern", bjoern, threads=False, module="bjoern", note="TCP_NODELAY"),
    Peer("mod_wsgi", mod_wsgi, needs="apache2", module="mod_wsgi", note="daemon mode, event MPM"),
    Peer("mod_wsgi-debian", mod_wsgi_debian, needs=apache.DEBIAN_MODULE, debian="libapache2-mod-wsgi-py3",
         note="daemon mode, event MPM, of Debian"),
    Peer("waitress", waitress, processes=False, module="waitress", note=ONE_PROCESS),
    Peer("waitress-debian", as_module(waitress, "waitress"), processes=False, debian="python3-waitress",
         note=ONE_PROCESS + ", of Debian"),
    Peer("cheroot", cheroot, processes=False, module="cheroot", note=ONE_PROCESS),
    Peer("cheroot-debian", as_module(cheroot, "cheroot"), processes=False, debian="python3-cheroot",
         note=ONE_PROCESS + ", of Debian"),
    Peer("floor", floor, needs="bin/bench-floor", note="no Python: a bare fasthttp handler, threads as Go chooses",
         blades=("", "cache")),
)}
ALL = tuple(name for name in PEERS if name != "penknife-base")  # that one only if it is asked for
QUICK = "penknife,uwsgi,gunicorn-gthread,granian,floor"
DEBIAN_MODULE = "plain"  # what runs without a framework


def missing(peer, root, installed):
    """Says why a peer cannot be started here, or "". installed maps distributions to versions, or to why they failed."""
    if peer.module and not installed.get(peer.module, "").partition(" ")[0][:1].isdigit():
        return f"{peer.module} is not installed" + (": " + installed[peer.module] if peer.module in installed else "")
    if peer.debian and not installed.get("debian:" + peer.debian):
        return f"Debian's {peer.debian} is not installed"
    if "/" in peer.needs:
        return "" if os.path.exists(os.path.join(root, peer.needs)) else f"{peer.needs} is not there"
    if peer.needs and not shutil.which(peer.needs):
        return f"no {peer.needs} on PATH"
    return ""


def suits(peer, case, threads):
    """Whether a case makes sense for a peer; threads is what the run asks for."""
    if case.topology.speaks not in peer.speaks or case.work.blade not in peer.blades:
        return False
    if peer.name == "floor":
        return case.work.floor
    if peer.debian and case.work.module != DEBIAN_MODULE:
        return False
    return peer.threads or max(threads, case.work.threads) == 1
