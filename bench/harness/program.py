"""The command line: what is asked for, how long it will take, and the order of things."""

import argparse
import datetime
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from . import cases, environment, extras, goals, growth, machine, measure, peers, report, watching, wrk

# Besides its rounds, each server of a case is started, warmed, checked and ended; each round has a start of its own.
PER_CASE_SECONDS, PER_PEER_SECONDS, PER_ROUND_SECONDS = 2.0, 2.0, 0.3


def say(text):
    print(text, flush=True)


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="bench/compare", description="Measures penknife beside its peers on this machine. See bench/README.md.",
        epilog=f"Cases are TOPOLOGY-WORK[@CONNECTIONS][xPROCESSES][~RATE]. Topologies: {', '.join(cases.TOPOLOGIES)}. "
               f"Work: {', '.join(cases.WORKS)}, getSIZE, postSIZE. Others: {', '.join(extras.KINDS)}. "
               f"Servers: {', '.join(peers.PEERS)}.")
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group()
    for name, selection in SELECTIONS.items():
        which.add_argument("--" + name, action="store_true", help=selection.help)
    add("--case", metavar="LIST", help="the cases, separated by commas; of a selection, only these")
    add("--peers", metavar="LIST", help="the servers, separated by commas; of a selection, only these")
    add("--rounds", type=int, help="rounds for each case (6)")
    add("--seconds", type=int, help="length of a round, whole seconds (3)")
    add("--connections", type=int, default=cases.CONNECTIONS, help="connections of the load generator, unless the case says (32)")
    add("--processes", type=int, default=2, help="processes of each server, unless the case says (2)")
    add("--threads", type=int, default=1, help="threads in each process, unless the work says (1)")
    add("--wrk-threads", type=int, default=2, help="threads of the load generator (2)")
    add("--nginx-workers", type=int, default=1, help="workers of nginx (1)")
    add("--others", type=float, default=10, metavar="PERCENT",
        help="share of the machine that others may use during a round that counts (10)")
    add("--drop", type=float, metavar="SHARE", help="a server with less than this share of penknife's requests per second "
        f"has {measure.DROP_ROUNDS} rounds (0.3); 0: every server has all")
    add("--name", help="results are saved as bench/results/DATE-NAME (the selection, or compare)")
    add("--no-save", action="store_true", help="save nothing below bench/results")
    add("--json", metavar="FILE", help="save the data there too")
    asked = parser.parse_args(argv)
    fill(parser, asked)
    return asked


def fill(parser, asked):
    """Puts the defaults of the selection in, and refuses what makes no sense."""
    asked.selection = next((name for name in SELECTIONS if getattr(asked, name)), "")
    selection = SELECTIONS.get(asked.selection, EVERYTHING)
    asked.rounds, asked.seconds = asked.rounds or selection.rounds, asked.seconds or selection.seconds
    asked.drop = selection.drop if asked.drop is None else asked.drop
    asked.name = asked.name or asked.selection or "compare"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", asked.name):
        parser.error("--name takes small letters, digits and hyphens")
    if min(asked.rounds, asked.connections, asked.processes, asked.threads, asked.wrk_threads, asked.nginx_workers) < 1:
        parser.error("numbers start at 1")
    if asked.seconds < 1:
        parser.error("a round of less than a second says nothing")
    try:
        asked.wanted = choose(selection, asked)
    except (cases.CaseError, KeyError) as error:
        parser.error(error.args[0])


@dataclass(frozen=True)
class Selection:
    """What a run measures if nothing else is said. cases maps names of cases to names of servers."""

    help: str
    cases: dict
    rounds: int
    seconds: int
    drop: float = 0.0


SELECTIONS = {
    "quick": Selection("three cases, five servers, five rounds of 3 s", dict.fromkeys(cases.QUICK.split(","), tuple(peers.QUICK.split(","))), 5, 3),
    "goals": Selection("the cases of the goals, and whether they are met", goals.CASES, 6, 1, drop=0.4),
    "growth": Selection("requests, latencies and memory against what grows, with plots", growth.CASES, 1, 2),
}
EVERYTHING = Selection("", dict.fromkeys(cases.ALL.split(","), peers.ALL), 6, 3, drop=0.3)


def choose(selection, asked):
    """Pairs the cases with the servers that are wanted. Cases that a selection does not have get its first servers."""
    known = selection.cases
    names = split(asked.case) or list(known)
    only = split(asked.peers)
    for name in only:
        if name not in peers.PEERS:
            raise KeyError(f"no server {name!r}: there are {', '.join(peers.PEERS)}")
    found = []
    for name in names:
        mine = known.get(name) or (peers.ALL if selection is EVERYTHING else next(iter(known.values())))
        if only:
            mine = [p for p in only if p in mine] if name in known and asked.selection else only
        found.append((cases.parse_one(name, asked.connections), [peers.PEERS[p] for p in mine]))
    return found


def split(text):
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def plan(asked, installed, root):
    """Pairs each case with the servers that suit it and can run here; gives the seconds that it will take, too."""
    pairs, seconds = [], 0.0
    for case, wanted in asked.wanted:
        extra = isinstance(case, extras.Extra)
        suited = watching.servers(case, wanted, asked.threads) if extra else [
            p for p in wanted if peers.suits(p, case, asked.threads)]
        runnable = sum(not peers.missing(p, root, installed) for p in suited)
        pairs.append((case, suited))
        seconds += case.seconds(runnable) if extra else PER_CASE_SECONDS + runnable * (
            PER_PEER_SECONDS + asked.rounds * (asked.seconds + PER_ROUND_SECONDS))
    return pairs, seconds


def minutes(seconds):
    return f"{seconds / 60:.1f} minutes"


def main(root, argv):
    asked = arguments(argv)
    # A terminated run must end its servers: SystemExit unwinds through the contexts that hold them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool):
            return f"no {tool} on PATH"
    raise_descriptors()
    try:
        python = environment.prepare(root, say)
        environment.build_tools(root)
    except environment.PreparationError as error:
        return str(error)
    found = environment.found(root, python)
    pairs, seconds = plan(asked, found[1], root)
    at_most = "at most" if asked.drop else "about"
    say(f"{len(pairs)} cases, {asked.rounds} rounds of {asked.seconds:g} s: {at_most} {minutes(seconds)}, "
        f"no round starts after {minutes(seconds * 1.5 + 60)}")
    settings = measure.Settings(root, python, found[1], asked.processes, asked.threads, asked.rounds, asked.seconds,
                                asked.wrk_threads, asked.nginx_workers, asked.others / 100, time.monotonic() + seconds * 1.5 + 60, asked.drop)
    try:
        data = collect(root, asked, pairs, settings, found)
        return finish(root, asked, data, python)
    except KeyboardInterrupt:
        return "interrupted"
    except (wrk.LoadError, report.PrivateError) as error:
        return str(error)


def raise_descriptors():
    """Servers and generators inherit the limit: thousands of connections need it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def collect(root, asked, pairs, settings, found):
    """Measures every case, and prints each table as soon as it is there."""
    scrub = report.Scrubber([(root + "/", ""), (root, ".")])
    data = {"name": asked.name, "date": datetime.date.today().isoformat(), "command": command_line(asked),
            "processes": asked.processes, "threads": asked.threads, "rounds": asked.rounds,
            "seconds": asked.seconds, "nginx_workers": asked.nginx_workers, "machine": machine.describe(),
            "versions": machine.versions(root, settings.python, found), "cases": [], "extras": [], "goals": [], "plots": []}
    for case, suited in pairs:
        if time.monotonic() > settings.deadline:
            say(f"{case.name}: out of time")
        elif isinstance(case, extras.Extra):
            data["extras"].append(collect_extra(case, suited, settings, scrub))
        else:
            data["cases"].append(collect_case(case, suited, settings, scrub))
    data["goals"] = goals.table(goals.judge(data, [case.name for case, _ in pairs]))[1:]
    return data


def collect_case(case, suited, settings, scrub):
    say(f"\n{case.name}, {case.connections} connections")
    with measure.Bench(case, suited, settings, say) as bench:
        bench.measure()
        one = report.summarise(bench, scrub)
    say("\n" + report.text_table(report.table(one)))
    for remark in report.remarks(one):
        say("  " + remark)
    return one


def collect_extra(extra, suited, settings, scrub):
    say(f"\n{extra.name}")
    one = report.summarise_extra(extra, watching.measure(extra, suited, settings, say), scrub)
    say("\n" + report.text_table(report.extra_table(one)))
    return one


def command_line(asked):
    """The command that gives the same run, with every default spelled out."""
    what = [f"--{asked.selection}"] if asked.selection else []
    if asked.case or not asked.selection:
        what.append("--case " + (asked.case or cases.ALL))
    if asked.peers or not asked.selection:
        what.append("--peers " + (asked.peers or ",".join(peers.ALL)))
    return (f"bench/compare {' '.join(what)} --rounds {asked.rounds} --seconds {asked.seconds:g} "
            f"--connections {asked.connections} --processes {asked.processes} --threads {asked.threads} "
            f"--wrk-threads {asked.wrk_threads} --nginx-workers {asked.nginx_workers} --others {asked.others:g} "
            f"--drop {asked.drop:g} --name {asked.name}")


def finish(root, asked, data, python):
    if data["goals"]:
        say("\ngoals\n" + report.text_table([goals.HEADER, *data["goals"]]))
    if asked.json:
        report.save(asked.json, report.as_json(data))
    if asked.no_save:
        return 0
    base = f"{data['date']}-{asked.name}"
    place = os.path.join(root, "bench", "results")
    report.save(os.path.join(place, base + ".json"), report.as_json(data))
    data["plots"] = draw(python, os.path.join(place, base + ".json"), place, base)
    report.save(os.path.join(place, base + ".md"), report.markdown(data))
    say(f"\nsaved bench/results/{base}.json, .md and {len(data['plots'])} plots")
    return 0


def draw(python, path, place, base):
    """Has the plots drawn by the Python that has matplotlib: titles and files."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plots.py")
    done = subprocess.run([python, "-B", program, path, place, base], capture_output=True, text=True, check=False)
    if done.returncode:
        raise wrk.LoadError("no plots: " + done.stderr.strip()[-400:])
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
