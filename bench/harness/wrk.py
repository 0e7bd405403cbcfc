"""The load generators: builds a run of wrk, or of bench/load where the rate is fixed or every byte is compared; reads
what it found, and tells whether that counts."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field, replace

# `done` runs once, after the load: it costs nothing while requests are made.
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"microseconds":%d,"bytes":%d,"connect":%d,"read":%d,' ..
    '"write":%d,"status":%d,"timeout":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
"""
UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("x", %d)\nwrk.headers["Content-Type"] = "application/octet-stream"\n'
ERRORS = ("connect", "read", "write", "status", "timeout", "wrong")
BUSY = 0.95  # of its threads' time: beyond, the generator is what was measured
LATE_US = 2000  # the generator's own lateness, 99th percentile: beyond, the latencies are not the server's
SHORT = 0.98  # of a fixed rate: below, the generator or the server did not keep it
HEAD_VARIES = 32  # bytes
TIMEOUT_SECONDS = 10


class LoadError(RuntimeError):
    """wrk itself failed."""


@dataclass
class Load:
    """What one run of a generator found. Latencies are microseconds."""

    requests: int
    seconds: float
    bytes: int
    p50: int
    p99: int
    p999: int
    max: int
    cpu: float  # seconds that the generator itself used
    generator_busy: float  # share of its threads' time
    errors: dict = field(default_factory=dict)
    late: int = 0  # how late the generator itself was, 99th percentile; 0 of wrk
    unanswered: int = 0  # connections that never had an answer; 0 of wrk

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Plan:
    """How the generator is run for a case; the same for every server. With a rate it is bench/load, else wrk."""

    threads: int
    connections: int
    seconds: float
    script: str
    headers: tuple = ()
    rate: float = 0.0  # requests per second of all connections; 0: as fast as they are answered
    checker: str = ""  # the path of bench/load
    expect: str = ""  # the file that bench/load compares with
    upload: int = 0
    closes: bool = False

    def argv(self, url, seconds=None):
        return self.load_argv(url, seconds) if self.rate else self.wrk_argv(url, seconds)

    def wrk_argv(self, url, seconds=None):
        argv = ["wrk", f"-t{min(self.threads, self.connections)}", f"-c{self.connections}",
                f"-d{seconds or self.seconds:g}s", "--latency", "--timeout", f"{TIMEOUT_SECONDS}s", "-s", self.script]
        for header in self.headers:
            argv += ["-H", header]
        return argv + [url]

    def load_argv(self, url, seconds=None):
        argv = [self.checker, "-connections", str(self.connections), "-length", f"{seconds or self.seconds:g}s",
                "-expect", self.expect]
        argv += ["-rate", f"{self.rate:g}"] if self.rate else []
        argv += ["-upload", str(self.upload)] if self.upload else []
        argv += ["-closes"] if self.closes else []
        for header in self.headers:
            argv += ["-header", header]
        return argv + [url]


def write_script(path, work):
    with open(path, "w", encoding="ascii") as file:
        file.write((UPLOAD % work.upload if work.upload else "") + DONE)
    return path


class Generator:
    """A running generator. Use as a context manager: leaving it ends the process."""

    def __init__(self, plan, argv, seconds):
        self.plan, self.limit = plan, seconds + TIMEOUT_SECONDS + 5
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.started = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def result(self):
        """Waits for the end and gives the Load."""
        deadline = self.started + self.limit
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                raise LoadError("the load generator did not end")
            time.sleep(0.01)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        text = self.process.stdout.read().decode("utf-8", "replace")
        return self.parse(text, usage.ru_utime + usage.ru_stime)

    def parse(self, text, cpu):
        for line in text.splitlines():
            if line.startswith("RESULT "):
                found = json.loads(line[len("RESULT "):])
                break
        else:
            raise LoadError("the load generator gave no result: " + text.strip()[-300:])
        seconds = found.pop("microseconds") / 1e6
        errors = {name: found.pop(name, 0) for name in ERRORS}
        threads = os.cpu_count() if self.plan.rate else min(self.plan.threads, self.plan.connections)
        busy = cpu / (seconds * threads) if seconds else 1.0
        return Load(seconds=seconds, cpu=cpu, generator_busy=busy, errors=errors, **found)


def run(plan, url, seconds=None):
    with Generator(plan, plan.argv(url, seconds), seconds or plan.seconds) as generator:
        return generator.result()


def check_all(plan, url, seconds):
    """Drives a server with all the connections for a moment and compares every byte: what was wrong, or "". Whatever
    else goes amiss will do so in the rounds, too, and be counted there."""
    plan = replace(plan, rate=0.0)
    with Generator(plan, plan.load_argv(url, seconds), seconds) as generator:
        load = generator.result()
    found = [f"{load.errors[kind]} {kind} answers" for kind in ("wrong", "status") if load.errors[kind]]
    return f"under load, of {load.requests} answers: " + ", ".join(found) if found else ""


def reasons(load, plan, wire_size, body_size):
    """Lists why a run does not count; nothing if it does. wire_size is the bytes of one response with its head."""
    found = [f"{count} {name} errors" for name, count in load.errors.items() if count]
    if not load.requests:
        return found + ["no request was answered"]
    if load.generator_busy > BUSY:
        found.append(f"load generator at {load.generator_busy:.0%}")
    return found + (paced_reasons(load, plan) if plan.rate else size_reasons(load, plan, wire_size, body_size))


def paced_reasons(load, plan):
    """Every byte was compared; what is left is whether the generator asked when it should have."""
    found = [f"load generator {load.late / 1000:.1f} ms late"] if load.late > LATE_US else []
    if load.requests < SHORT * plan.rate * plan.seconds:
        found.append(f"{load.requests} requests of {plan.rate * plan.seconds:.0f} that were due")
    return found


def size_reasons(load, plan, wire_size, body_size):
    """wrk compares nothing, but it counts the bytes."""
    # Chunks, and a header field now and then, differ from response to response: that is not an error. Half a body
    # that is missing on average is one. Responses under way at the end are counted as bytes and not as requests.
    less = max(0.02 * wire_size, min(body_size / 2, HEAD_VARIES))
    more = 0.02 * wire_size + HEAD_VARIES
    most = (wire_size + more) * load.requests + wire_size * plan.connections
    if not (wire_size - less) * load.requests - wire_size <= load.bytes <= most:
        return [f"{load.bytes / load.requests:.0f} bytes for a response instead of {wire_size}"]
    return []
