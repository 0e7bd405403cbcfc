"""The load generator: builds a wrk run, reads what it found, and tells whether that counts."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field

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
ERRORS = ("connect", "read", "write", "status", "timeout")
BUSY = 0.95  # of its threads' time: beyond, the generator is what was measured
HEAD_VARIES = 32  # bytes
TIMEOUT_SECONDS = 10


class LoadError(RuntimeError):
    """wrk itself failed."""


@dataclass
class Load:
    """What one run of wrk found. Latencies are microseconds."""

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

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Plan:
    """How the generator is run for a case; the same for every server."""

    threads: int
    connections: int
    seconds: int
    script: str
    headers: tuple = ()

    def argv(self, url, seconds=None):
        argv = ["wrk", f"-t{min(self.threads, self.connections)}", f"-c{self.connections}",
                f"-d{seconds or self.seconds:g}s", "--latency", "--timeout", f"{TIMEOUT_SECONDS}s", "-s", self.script]
        for header in self.headers:
            argv += ["-H", header]
        return argv + [url]


def write_script(path, work):
    with open(path, "w", encoding="ascii") as file:
        file.write((UPLOAD % work.upload if work.upload else "") + DONE)
    return path


class Generator:
    """A running wrk. Use as a context manager: leaving it ends the process."""

    def __init__(self, plan, url, seconds=None):
        self.plan, self.limit = plan, (seconds or plan.seconds) + TIMEOUT_SECONDS + 5
        self.process = subprocess.Popen(plan.argv(url, seconds), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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
            raise LoadError("wrk gave no result: " + text.strip()[-300:])
        seconds = found.pop("microseconds") / 1e6
        errors = {name: found.pop(name) for name in ERRORS}
        threads = min(self.plan.threads, self.plan.connections)
        busy = cpu / (seconds * threads) if seconds else 1.0
        return Load(seconds=seconds, cpu=cpu, generator_busy=busy, errors=errors, **found)


def run(plan, url, seconds=None):
    with Generator(plan, url, seconds) as generator:
        return generator.result()


def reasons(load, plan, wire_size, body_size):
    """Lists why a run does not count; nothing if it does. wire_size is the bytes of one response with its head."""
    found = [f"{count} {name} errors" for name, count in load.errors.items() if count]
    if not load.requests:
        return found + ["no request was answered"]
    if load.generator_busy > BUSY:
        found.append(f"load generator at {load.generator_busy:.0%}")
    # Chunks, and a header field now and then, differ from response to response: that is not an error. Half a body
    # that is missing on average is one. Responses under way at the end are counted as bytes and not as requests.
    less = max(0.02 * wire_size, min(body_size / 2, HEAD_VARIES))
    more = 0.02 * wire_size + HEAD_VARIES
    most = (wire_size + more) * load.requests + wire_size * plan.connections
    if not (wire_size - less) * load.requests - wire_size <= load.bytes <= most:
        found.append(f"{load.bytes / load.requests:.0f} bytes for a response instead of {wire_size}")
    return found
