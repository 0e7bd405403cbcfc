"""Measures the cases of extras.py: what a server needs, and not what it answers."""

import time
import urllib.request
from dataclasses import replace

from . import cases, peers
from .measure import Bench

MEMORY_SECONDS = 3  # of load, so that each worker has served
IDLE_SETTLE, IDLE_SECONDS = 3.0, 10.0
ALLOC_SECONDS = 4


def measure(extra, suited, settings, say):
    """Gives (base case, subject, values) for each server; values is empty if the subject has a problem."""
    found = []
    for base in extra.bases:
        case = replace(cases.parse_one(base, cases.CONNECTIONS), processes=extra.workers)
        with Bench(case, [p for p in suited if peers.suits(p, case, settings.threads)], settings, say) as bench:
            values = MEASURES[extra.kind](bench, say)
        found += [(case, s, values.get(s.peer.name, {})) for s in bench.subjects]
    return found


def servers(extra, wanted, threads):
    """The servers that suit any base of an extra case."""
    bases = [cases.parse_one(base, cases.CONNECTIONS) for base in extra.bases]
    return [p for p in wanted if any(peers.suits(p, case, threads) for case in bases)]


def memory(bench, say):
    """Drives each server for a moment and adds up the proportional set sizes of its processes."""
    found = {}
    for subject in bench.ready():
        bench.drive(subject, MEMORY_SECONDS)
        values = {"mib": subject.server.memory() / (1 << 20), "processes": len(subject.server.tree())}
        found[subject.peer.name] = values
        say(f"  {subject.peer.name:17} {values['mib']:.1f} MiB in {values['processes']} processes")
    return found


def idle(bench, say):
    """Watches all servers at once while nobody asks."""
    time.sleep(IDLE_SETTLE)
    subjects, found = bench.ready(), {}
    before = [s.server.activity() for s in subjects]
    started = time.monotonic()
    time.sleep(IDLE_SECONDS)
    after, took = [s.server.activity() for s in subjects], time.monotonic() - started
    for subject, (cpu, wakes), (cpu_then, wakes_then) in zip(subjects, after, before):
        values = {"cpu_percent": 100 * (cpu - cpu_then) / took, "wakes": (wakes - wakes_then) / took,
                  "mib": subject.server.memory() / (1 << 20)}
        found[subject.peer.name] = values
        say(f"  {subject.peer.name:17} {values['cpu_percent']:.3f} % CPU, {values['wakes']:.1f} wake-ups/s")
    return found


def allocs(bench, say):
    """Counts what the Go runtime allocated during a load, less what reading the counter costs."""
    found = {}
    for subject in bench.ready():
        address = subject.argv[subject.argv.index("--admin") + 1]
        bench.drive(subject, 1)
        first, second = mallocs(address), mallocs(address)
        requests = bench.drive(subject, ALLOC_SECONDS).requests
        objects = max(0.0, mallocs(address) - second - (second - first))
        found[subject.peer.name] = {"objects": objects / max(1, requests), "requests": requests}
        say(f"  {bench.case.name}: {objects:.0f} objects for {requests} requests")
    return found


def mallocs(address):
    """The counter of allocated objects, from the metrics of the Go runtime."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as response:
        for line in response.read().decode().splitlines():
            if line.startswith("go_memstats_mallocs_total "):
                return float(line.split()[1])
    raise LookupError("no go_memstats_mallocs_total in the metrics")


MEASURES = {"memory": memory, "idle": idle, "allocs": allocs}
