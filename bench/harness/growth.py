"""Growth: which cases a curve is made of, and the curves of a run's data. plots.py draws them."""

from dataclasses import dataclass, field

from .peers import PENKNIFE

CONNECTIONS = (1, 8, 32, 128, 512, 4096)
PROCESSES = (1, 2, 4, 8, 16)
SIZES = {"0": 0, "1k": 1 << 10, "16k": 16 << 10, "256k": 256 << 10, "4m": 4 << 20, "64m": 64 << 20}
WORKERS = (1, 2, 4, 8, 16)
SERVERS = (PENKNIFE, "uwsgi", "uwsgi-router", "gunicorn-gthread", "granian", "fastpysgi")
SOME = (PENKNIFE, "uwsgi", "gunicorn-gthread", "granian", "fastpysgi")
FEW = (PENKNIFE, "uwsgi", "granian", "fastpysgi")
LEAN = (PENKNIFE, "uwsgi", "gunicorn-preload", "granian")


@dataclass(frozen=True)
class Sweep:
    """One quantity that grows. `cases` maps its values to names of cases."""

    name: str
    axis: str
    cases: dict
    servers: tuple


SWEEPS = (
    Sweep("connections", "connections", {n: f"http-hello@{n}" for n in CONNECTIONS}, SERVERS),
    Sweep("processes", "processes, 64 connections", {n: f"http-hello@64x{n}" for n in PROCESSES}, SOME),
    Sweep("download", "bytes of the response, 8 connections", {n: f"http-get{name}@8" for name, n in SIZES.items()}, FEW),
    Sweep("upload", "bytes of the upload, 8 connections", {n: f"http-post{name}@8" for name, n in SIZES.items() if n}, FEW),
    Sweep("memory", "workers, with an application of 100 MiB", {n: f"memory@{n}" for n in WORKERS}, LEAN),
)
CASES = {case: sweep.servers for sweep in SWEEPS for case in sweep.cases.values()}


@dataclass
class Curve:
    """A server's values: (what grows, figure) in the order of what grows."""

    server: str
    points: list = field(default_factory=list)


def curves(data, sweep, figure):
    """The curves of a sweep; figure turns a server's record of a case into a number, or None where there is none."""
    records = {case["case"]: case.get("peers") or case.get("rows") for case in data["cases"] + data["extras"]}
    found = {name: Curve(name) for name in sweep.servers}
    for value, case in sweep.cases.items():
        for record in records.get(case, ()):
            number = figure(record)
            if record["peer"] in found and number is not None:
                found[record["peer"]].points.append((value, number))
    return [curve for curve in found.values() if curve.points]


def rate(record):
    return record["summary"]["rate"] if "summary" in record else None


def p99_ms(record):
    """None for a server that served only some of the connections: its latencies are not those of the case."""
    if "summary" not in record or record["summary"]["fresh_ms"] is None:
        return None
    return record["summary"]["p99_us"] / 1000


def memory_mib(record):
    return record["values"]["mib"] if record.get("values") else None


def panels(sweep):
    """What is drawn of a sweep: (title, figure) for each panel."""
    if sweep.name == "memory":
        return [("proportional set size of all processes, MiB", memory_mib)]
    return [("requests/s", rate), ("99th percentile, ms", p99_ms)]
