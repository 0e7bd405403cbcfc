"""One case: starts every server, checks its answers, and drives all of them in interleaved rounds."""

import contextlib
import os
import socket
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field

from . import cases, database, nginx, peers, probe, wrk
from .intervals import median
from .processes import Server, others_cpu

READY_SECONDS = 20
WARM_SECONDS = 1
STARVED_SECONDS, LEAST_SECONDS = 1.0, 0.4
NOT_ASKED = -1.0
SLOW_SECONDS = 0.1  # what /slow of the application takes
DROP_ROUNDS = 2


@dataclass(frozen=True)
class Settings:
    """What is the same for all cases of a run."""

    root: str
    python: str
    installed: dict
    processes: int
    threads: int
    rounds: int
    seconds: int
    wrk_threads: int
    nginx_workers: int
    others: float  # share of the machine's time that others may use during a round that counts
    deadline: float  # of time.monotonic(): no round starts after it
    drop: float = 0.0  # a server with less than this share of penknife's requests has DROP_ROUNDS rounds; 0: all have all


@dataclass
class Round:
    """One run of the generator against one server. It counts if reasons is empty."""

    number: int
    load: wrk.Load
    reasons: list
    cpu_us: float  # of the server's tree, for each request
    front_cpu_us: float  # of nginx, for each request; 0 without it
    memory: int  # bytes, the largest sample of the proportional set size
    others: float  # share of the machine's time that went to processes that are no part of the bench
    fresh_ms: float  # the slowest answer to a new client meanwhile; None: not in time; NOT_ASKED: too short a round


@dataclass
class Subject:
    """A server of a case, with what was found about it. `problem` says why it has no rounds."""

    peer: peers.Peer
    processes: int
    threads: int
    argv: list = field(default_factory=list)
    server: Server = None
    port: int = 0  # where the generator goes: the server's, or nginx's for it
    wire_size: int = 0
    problem: str = ""
    idle_memory: int = 0
    dropped: bool = False  # so far behind that it has no more rounds
    rounds: list = field(default_factory=list)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_files(directory):
    """Makes what the blades serve."""
    files = os.path.join(directory, "files")
    os.mkdir(files)
    for name, content in cases.FILES.items():
        with open(os.path.join(files, name), "wb") as file:
            file.write(content)
    return files


def apps_of(root):
    return os.path.join(root, "bench", "apps")


def make_plan(directory, case, settings):
    """How the load is made, with the files that it needs."""
    script = wrk.write_script(os.path.join(directory, "load.lua"), case.work)
    expect = os.path.join(directory, "expect")
    with open(expect, "wb") as file:
        file.write(case.work.expect)
    return wrk.Plan(settings.wrk_threads, case.connections, settings.seconds, script, case.topology.headers, case.rate,
                    os.path.join(settings.root, "bin", "bench-load"), expect, case.work.upload, case.topology.closes)


class Sampler:
    """Looks at memory and asks as a new client while the generator runs. A thread of its own; stop() ends it.

    An answer after the generator's end says nothing: it may have come only because the generator went. So nothing is
    asked when less than LEAST_SECONDS are left.
    """

    def __init__(self, subject, case, seconds):
        self.subject, self.case, self.interval = subject, case, seconds / 4
        self.end = time.monotonic() + seconds
        self.memory, self.fresh, self.wrong = 0, NOT_ASKED, 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.done.wait(self.interval):
            left = self.end - time.monotonic()
            if left > LEAST_SECONDS:
                self.ask(min(STARVED_SECONDS, left))
            self.memory = max(self.memory, self.subject.server.memory())

    def ask(self, patience):
        answered, right = probe.fresh_connection_ms(self.subject.port, self.case, patience)
        self.wrong += not right
        self.fresh = None if answered is None or self.fresh is None else max(self.fresh, answered)

    def stop(self):
        self.done.set()
        self.thread.join()


@contextlib.contextmanager
def blaming(subject):
    """A load that gives no result is one server's problem, and not the end of the run."""
    try:
        yield
    except wrk.LoadError as error:
        subject.problem = str(error)


class Bench:
    """The servers of one case while it is measured. Use as a context manager: leaving it ends them all."""

    def __init__(self, case, wanted, settings, say):
        self.case, self.settings, self.say = case, settings, say
        self.stack = contextlib.ExitStack()
        self.wanted = wanted
        self.subjects, self.servers, self.front = [], [], None

    def __enter__(self):
        try:
            # Entered first, left last: the servers end before their directory goes.
            self.directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            os.chmod(self.directory, 0o755)  # Apache's workers have a user of their own
            self.plan = make_plan(self.directory, self.case, self.settings)
            self.stack.callback(self.end_all)
            self.files = write_files(self.directory) if self.case.work.blade else ""
            self.environ = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": apps_of(self.settings.root)}
            if self.case.work.module == "djangopage":
                self.environ["BENCH_SQLITE"] = os.path.join(self.directory, "books.sqlite")
                database.make(self.environ["BENCH_SQLITE"])
            self.start_all()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start_all(self):
        blocks = []
        for peer in self.wanted:
            subject, start = self.prepare(peer)
            self.subjects.append(subject)
            if subject.problem:
                continue
            if self.case.topology.front:
                subject.port = free_port()
                blocks.append(nginx.server_block(peer.name, subject.port, start))
            else:
                subject.port = int(start.port)
            subject.server = self.launch(peer.name, subject.argv, start.apps)
        if blocks:
            argv = nginx.command(self.directory, self.settings.nginx_workers, blocks)
            self.front = self.launch("nginx", argv, self.directory)
        for subject in self.subjects:
            self.verify(subject)

    def prepare(self, peer):
        """Decides on processes, threads and addresses. A server that has one process gets all the threads there."""
        s = self.settings
        processes, threads = self.case.processes or s.processes, self.case.work.threads or s.threads
        start = peers.Start(s.root, s.python, self.case.work.module, processes, threads, closes=self.case.topology.closes,
                            streamed=self.case.work.streamed, blade=self.case.work.blade, files=self.files,
                            scratch=self.directory, connections=self.case.connections, **self.addresses(peer))
        one = not peer.processes
        subject = Subject(peer, 1 if one else processes, threads * processes if one else threads)
        subject.problem = peers.missing(peer, s.root, s.installed)
        subject.argv = peer.command(start)
        return subject, start

    def addresses(self, peer):
        topology = self.case.topology
        if topology.unix:
            return {"uwsgi": os.path.join(self.directory, peer.name + ".sock")}
        return {topology.speaks: f"127.0.0.1:{free_port()}"}

    def launch(self, name, argv, directory):
        server = Server(name, argv, directory, os.path.join(self.directory, name + ".log"), self.environ)
        self.servers.append(server)
        return server

    def end_all(self):
        """Asks all servers at once, then waits for each."""
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            left = server.stop()
            if left:
                self.say(f"  {server.name}: {len(left)} processes outlived the server and were killed")

    def verify(self, subject):
        """Waits until a server answers, then compares bodies. Nothing is measured before that."""
        if subject.problem:
            return
        work = self.case.work
        subject.problem = probe.wait_ready(subject.port, self.case, subject.server, READY_SECONDS)
        if not subject.problem:
            digest = cases.digest_of(work) if work.upload else b""
            subject.wire_size, subject.problem = probe.check(subject.port, self.case, digest)
        if not subject.problem:
            subject.idle_memory = subject.server.memory()

    def url(self, subject, path=None):
        return f"http://127.0.0.1:{subject.port}{path or self.case.work.path}"

    def drive(self, subject, seconds):
        """Makes the load for a while; what the generator found is of no interest but for the number of requests."""
        return wrk.run(self.plan, self.url(subject), seconds)

    def ready(self):
        return [s for s in self.subjects if not s.problem]

    def warm(self):
        """Makes the load for a moment, and compares every byte of every answer."""
        for subject in self.ready():
            with blaming(subject):
                subject.problem = wrk.check_all(self.plan, self.url(subject), WARM_SECONDS)

    def measure(self):
        """Runs the rounds, each in the opposite order of the one before."""
        self.warm()
        for number in range(self.settings.rounds):
            for subject in self.order(number):
                if time.monotonic() > self.settings.deadline:
                    self.say("  out of time: the remaining rounds are left out")
                    return self.recheck()
                with blaming(subject):
                    self.tell(subject, self.round(number, subject))
        return self.recheck()

    def tell(self, subject, found):
        subject.rounds.append(found)
        mark = "" if not found.reasons else "  does not count: " + ", ".join(found.reasons)
        self.say(f"  round {found.number + 1} {subject.peer.name:17} {found.load.rate:9.0f}/s  others {found.others:.0%}{mark}")

    def order(self, number):
        if number == DROP_ROUNDS and self.settings.drop:
            self.drop()
        order = [s for s in self.ready() if not s.dropped]
        return order if number % 2 == 0 else order[::-1]

    def drop(self):
        """Leaves out of the further rounds who is far behind penknife in requests per second."""
        rates = {s.peer.name: median([r.load.rate for r in s.rounds if not r.reasons]) for s in self.ready()}
        bar = self.settings.drop * (rates.get(peers.PENKNIFE) or 0)
        for subject in self.ready():
            rate = rates[subject.peer.name]
            subject.dropped = rate is not None and rate < bar and not self.case.work.background and not self.case.rate

    def round(self, number, subject):
        with self.background(subject) as background:
            before = self.cpu(subject)
            sampler = Sampler(subject, self.case, self.settings.seconds)
            try:
                load = wrk.run(self.plan, self.url(subject))
                after = self.cpu(subject)
            finally:
                sampler.stop()
            reasons = self.load_reasons(load, subject) + self.background_reasons(background)
            reasons += [f"{sampler.wrong} wrong answers to a new client"] if sampler.wrong else []
        if not subject.server.alive():
            reasons.append("the server ended")
        server, front, others, clock = (b - a for a, b in zip(before, after))
        others = max(0.0, others) / (clock * os.cpu_count())
        if others > self.settings.others:
            reasons.append("other processes were using the machine")
        per = 1e6 / load.requests if load.requests else 0.0
        return Round(number, load, reasons, server * per, front * per, max(sampler.memory, subject.idle_memory),
                     round(others, 3), sampler.fresh)

    def cpu(self, subject):
        """Seconds so far: the server's, nginx's, those of what is no part of the bench, and the clock's."""
        roots = {os.getpid(), *(server.process.pid for server in self.servers)}
        front = self.front.cpu() if self.front else 0.0
        return subject.server.cpu(), front, others_cpu(roots), time.monotonic()

    def background(self, subject):
        """Starts the slow requests, which keep half of the server's threads busy; nothing without them."""
        s, work = self.settings, self.case.work
        if not work.background:
            return contextlib.nullcontext()
        half = max(1, (self.case.processes or s.processes) * (work.threads or s.threads) // 2)
        plan = wrk.Plan(1, half, s.seconds + 1, self.plan.script)
        return wrk.Generator(plan, plan.argv(self.url(subject, work.background)), plan.seconds)

    def load_reasons(self, load, subject):
        return wrk.reasons(load, self.plan, subject.wire_size, len(self.case.work.expect))

    @staticmethod
    def background_reasons(background):
        """A server that leaves the slow requests waiting has not done the work."""
        if not background:
            return []
        load, plan = background.result(), background.plan
        possible = plan.connections * plan.seconds / SLOW_SECONDS
        if load.requests < possible / 2:
            return [f"{load.requests} slow requests served of {possible:.0f} possible"]
        return []

    def recheck(self):
        """Asks once more after the load: a server that answers wrongly now has no figures."""
        for subject in self.ready():
            digest = cases.digest_of(self.case.work) if self.case.work.upload else b""
            _, problem = probe.check(subject.port, self.case, digest)
            if problem:
                subject.problem = "after the load: " + problem


def round_record(found):
    """A round as plain data for the JSON file."""
    record = asdict(found)
    record["load"]["rate"] = round(found.load.rate, 1)
    return record
