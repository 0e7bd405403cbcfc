"""The goals: ratios within one run, and whether they are met. Everything is computed from a run's data as it is saved."""

from dataclasses import dataclass

from .intervals import median, ratios, sign_interval
from .peers import PENKNIFE

HTTP_PEERS = ("uwsgi", "uwsgi-router", "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gevent", "granian",
              "fastpysgi", "bjoern", "mod_wsgi", "waitress", "cheroot")
UWSGI_PEERS = ("uwsgi", "gunicorn-uwsgi")
GREEN = ("gevent", "gunicorn-gevent")
# With the same processes and threads: greenlets are none, and who has no threads cannot.
THREADED = ("uwsgi", "uwsgi-router", "gunicorn-gthread", "granian", "mod_wsgi", "waitress", "cheroot")
NOT_PEERS = (PENKNIFE, "penknife-base", "floor", "penknife-fixed", "nginx-static")
# The cases that the goals need, each with its servers: every peer where the goal is to be ahead of every peer.
CASES = {
    "http-hello": (PENKNIFE, "uwsgi", "granian", "fastpysgi", "gunicorn-sync", "gunicorn-gthread", "floor"),
    "http-flask": (PENKNIFE, *HTTP_PEERS),
    "nginx-hello": (PENKNIFE, "uwsgi"),
    "close-hello": (PENKNIFE, *HTTP_PEERS),
    "http-hello@1": (PENKNIFE, "uwsgi"),
    "nginx-hello@1": (PENKNIFE, "uwsgi"),
    "http-mixed": (PENKNIFE, *THREADED),
    "nginx-mixed": (PENKNIFE, *UWSGI_PEERS),
    "http-get1m": (PENKNIFE, *HTTP_PEERS),
    "http-post1m": (PENKNIFE, *HTTP_PEERS),
    "memory": (PENKNIFE, "uwsgi"),
    "idle": (PENKNIFE,),
    "allocs": ("penknife-counted",),
}
RATE, P50, P99, CPU = "rate", "p50", "p99", "cpu_us"
BEST = "the best peer"  # the one that penknife is least ahead of
MET, NOT_MET, UNKNOWN = "met", "not met", "not measured"


@dataclass(frozen=True)
class Goal:
    """penknife's figure divided by a peer's, of one case. `least` is for what should be high, `most` for what should
    be low; one of the two is given."""

    text: str
    case: str
    against: str  # a server, or BEST
    metric: str
    least: float = 0.0
    most: float = 0.0


@dataclass
class Verdict:
    text: str
    case: str
    against: str
    goal: str
    measured: str
    state: str
    remark: str = ""


AHEAD = 1.0
GOALS = (
    Goal("HTTP keep-alive hello", "http-hello", "uwsgi", RATE, least=2.0),
    Goal("HTTP keep-alive hello", "http-hello", "granian", RATE, least=AHEAD),
    Goal("HTTP keep-alive hello", "http-hello", "fastpysgi", RATE, least=AHEAD),
    Goal("HTTP keep-alive hello", "http-hello", "gunicorn-sync", RATE, least=5.0),
    Goal("HTTP keep-alive hello", "http-hello", "gunicorn-gthread", RATE, least=5.0),
    Goal("HTTP keep-alive hello", "http-hello", "floor", RATE, least=0.75),
    Goal("HTTP keep-alive Flask JSON", "http-flask", "uwsgi", RATE, least=1.4),
    Goal("HTTP keep-alive Flask JSON", "http-flask", BEST, RATE, least=AHEAD),
    Goal("nginx uwsgi_pass, unix socket, hello: requests/s", "nginx-hello", "uwsgi", RATE, least=1.0),
    Goal("nginx uwsgi_pass, unix socket, hello: p99", "nginx-hello", "uwsgi", P99, most=1.0),
    Goal("nginx uwsgi_pass, unix socket, hello: server CPU per request", "nginx-hello", "uwsgi", CPU, most=1.15),
    Goal("connection per request, HTTP", "close-hello", BEST, RATE, least=AHEAD),
    Goal("one connection, HTTP: p50", "http-hello@1", "uwsgi", P50, most=1.2),
    Goal("one connection, nginx: p50", "nginx-hello@1", "uwsgi", P50, most=1.2),
    Goal("mixed slow and fast: p99 of the fast ones", "http-mixed", BEST, P99, most=0.5),
    Goal("mixed slow and fast behind nginx: p99 of the fast ones", "nginx-mixed", BEST, P99, most=0.5),
    Goal("1 MiB download", "http-get1m", BEST, RATE, least=1.2),
    Goal("1 MiB upload", "http-post1m", BEST, RATE, least=1.2),
)


def judge(data, wanted=()):
    """The verdicts of all goals whose case is in the data, or should have been: wanted are names of cases."""
    by_case = {case["case"]: case for case in data["cases"]}
    found = []
    for goal in GOALS:
        if goal.case in by_case:
            verdict = judge_ratio(goal, by_case[goal.case])
            found.append(verdict)
            if goal.case in ("http-get1m", "http-post1m") and verdict.state != UNKNOWN:
                found.append(judge_transfer_memory(goal, by_case[goal.case], verdict.against))
        elif goal.case in wanted:
            found.append(Verdict(goal.text, goal.case, goal.against, bound(goal), "–", UNKNOWN, "out of time"))
    extras = {extra["case"]: extra for extra in data.get("extras", [])}
    for name in (name for name in EXTRAS if name in extras):
        found += EXTRAS[name](extras[name])
    found += [Verdict(name, name, "–", "–", "–", UNKNOWN, "out of time") for name in EXTRAS if name in wanted and name not in extras]
    return found


def bound(goal):
    return f"≥ {goal.least:g}" if goal.least else f"≤ {goal.most:g}"


def figures(peer, metric):
    """The metric of each round that counts, by round number."""
    counted = [r for r in peer["rounds"] if not r["reasons"]] if "summary" in peer else []
    return {r["number"]: r["cpu_us"] if metric == CPU else r["load"][metric] for r in counted}


def compare(case, goal, name):
    """(median, low, high, coverage, pairs) of penknife ÷ a server, None if there is nothing to compare."""
    peers = {p["peer"]: p for p in case["peers"]}
    if PENKNIFE not in peers or name not in peers:
        return None
    pairs = ratios(figures(peers[PENKNIFE], goal.metric), figures(peers[name], goal.metric))
    return (median(pairs), *sign_interval(pairs), len(pairs)) if pairs else None


def lucky(peer):
    """Whether a server left connections waiting: its latencies are then no latencies of the case."""
    return peer.get("summary", {}).get("fresh_ms", 0) is None


def judge_ratio(goal, case):
    candidates, remark = [goal.against], ""
    if goal.against == BEST:
        rivals = [p for p in case["peers"] if p["peer"] not in NOT_PEERS]
        if goal.metric != RATE:
            rivals = [p for p in rivals if p["peer"] not in GREEN]
        left = [p["peer"] for p in rivals if goal.metric != RATE and lucky(p)]
        remark = "without " + ", ".join(left) + ", which served only some of the connections" if left else ""
        candidates = [p["peer"] for p in rivals if p["peer"] not in left]
    found = {name: compare(case, goal, name) for name in candidates}
    found = {name: ratio for name, ratio in found.items() if ratio}
    if not found:
        return Verdict(goal.text, case["case"], goal.against, bound(goal), "–", UNKNOWN, "no rounds that count on both sides")
    closest = (min if goal.least else max)(found, key=lambda name: found[name][0])
    middle, low, high, coverage, pairs = found[closest]
    met = middle >= goal.least if goal.least else middle <= goal.most
    edge = low < (goal.least or goal.most) < high
    notes = [remark] if remark else []
    notes += ["the interval holds the goal"] if edge else []
    notes += [f"{pairs} rounds, the interval covers {coverage:.0%}"]
    return Verdict(goal.text, case["case"], closest, bound(goal), f"{middle:.2f} ({low:.2f} … {high:.2f})", MET if met else NOT_MET,
                   "; ".join(notes))


def judge_transfer_memory(goal, case, against):
    """At no more memory than the peer that the requests were compared with."""
    memory = {p["peer"]: p["summary"]["memory"] / (1 << 20) for p in case["peers"] if "summary" in p}
    ours, theirs = memory[PENKNIFE], memory[against]
    return Verdict(goal.text + ": peak memory", case["case"], against, "≤ 1", f"{ours / theirs:.2f} ({ours:.0f} and {theirs:.0f} MiB)",
                   MET if ours <= theirs else NOT_MET)


def values_of(extra):
    return {row["peer"]: row["values"] for row in extra["rows"] if row["values"]}


def judge_memory(extra):
    found = values_of(extra)
    text = f"memory, {extra['workers']} workers, application of 100 MiB"
    if PENKNIFE not in found or "uwsgi" not in found:
        return [Verdict(text, extra["case"], "uwsgi", "≤ 1", "–", UNKNOWN)]
    ours, theirs = found[PENKNIFE]["mib"], found["uwsgi"]["mib"]
    return [Verdict(text, extra["case"], "uwsgi, preloaded", "≤ 1", f"{ours / theirs:.2f} ({ours:.0f} and {theirs:.0f} MiB)",
                    MET if ours <= theirs else NOT_MET)]


def judge_idle(extra):
    found = values_of(extra).get(PENKNIFE)
    if not found:
        return [Verdict("idle", extra["case"], "–", "0.0 % CPU, < 5 wake-ups/s", "–", UNKNOWN)]
    cpu, wakes = found["cpu_percent"], found["wakes"]
    return [Verdict("idle: CPU", extra["case"], "–", "0.0 %", f"{cpu:.3f} %", MET if cpu < 0.05 else NOT_MET),
            Verdict("idle: wake-ups", extra["case"], "–", "< 5/s", f"{wakes:.1f}/s", MET if wakes < 5 else NOT_MET)]


NO_ALLOCATION = 0.01  # objects for a request: the collector and the runtime allocate a few now and then


def judge_allocs(extra):
    return [Verdict("per-request allocations in Go, " + row["base"], extra["case"], "–", "0",
                    f"{row['values']['objects']:.4f}" if row["values"] else "–",
                    UNKNOWN if not row["values"] else MET if row["values"]["objects"] < NO_ALLOCATION else NOT_MET)
            for row in extra["rows"]]


# By the name of the case: memory of other numbers of workers is no goal.
EXTRAS = {"memory": judge_memory, "idle": judge_idle, "allocs": judge_allocs}

HEADER = ("goal", "case", "against", "wanted", "measured", "", "remark")


def table(verdicts):
    return [HEADER] + [(v.text, v.case, v.against, v.goal, v.measured, v.state, v.remark) for v in verdicts]
