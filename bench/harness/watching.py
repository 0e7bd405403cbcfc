"""Measures the cases of extras.py: what a server needs, and not what it answers."""

import time
import urllib.request
from dataclasses import replace

from . import cases, peers, wrk
from .measure import Bench, blaming
from .processes import activity_between

MEMORY_SECONDS = 3  # of load, so that each worker has served
IDLE_SETTLE, IDLE_SECONDS = 3.0, 10.0
ALLOC_SECONDS, ALLOC_TURNS, LIGHT_RATE = 2, 3, 200.0


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
        with blaming(subject):
            bench.drive(subject, MEMORY_SECONDS)
        if subject.problem:
            continue
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
    for subject, now, then in zip(subjects, after, before):
        cpu, wakes = activity_between(then, now)
        values = {"cpu_percent": 100 * cpu / took, "wakes": wakes / took, "mib": subject.server.memory() / (1 << 20)}
        found[subject.peer.name] = values
        say(f"  {subject.peer.name:17} {values['cpu_percent']:.3f} % CPU, {values['wakes']:.1f} wake-ups/s")
    return found


def allocs(bench, say):
    """Counts what the Go runtime allocates for each request more: the difference between a heavy load and a light one
    of the same length and connections, so that what connections, readings and passing time cost is no part of it. A
    reading costs thousands of objects, now more and now fewer: each load is made ALLOC_TURNS times and its least counts."""
    found = {}
    for subject in bench.ready():
        address = subject.argv[subject.argv.index("--admin") + 1]
        with blaming(subject):
            bench.drive(subject, 1)
            turns = [(counted(bench, subject, address, replace(bench.plan, rate=LIGHT_RATE)),
                      counted(bench, subject, address, bench.plan)) for _ in range(ALLOC_TURNS)]
            light, few = min(turn[0] for turn in turns)
            heavy, many = min(turn[1] for turn in turns)
            found[subject.peer.name] = {"objects": max(0.0, heavy - light) / max(1, many - few), "requests": many}
            say(f"  {bench.case.name}: {light:.0f} objects for {few} requests, {heavy:.0f} for {many}")
    return found


def counted(bench, subject, address, plan):
    """Objects and requests of a load."""
    before = mallocs(address)
    load = wrk.run(plan, bench.url(subject), ALLOC_SECONDS)
    return mallocs(address) - before, load.requests


def mallocs(address):
    """The counter of allocated objects, from the metrics of the Go runtime."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as response:
        for line in response.read().decode().splitlines():
            if line.startswith("go_memstats_mallocs_total "):
                return float(line.split()[1])
    raise LookupError("no go_memstats_mallocs_total in the metrics")


MEASURES = {"memory": memory, "idle": idle, "allocs": allocs}
