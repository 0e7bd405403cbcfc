"""The command line: what is asked for, how long it will take, and the order of things."""

import argparse
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from . import cases, environment, machine, measure, peers, report, wrk

# Besides its rounds, each server of a case is started, warmed, checked and ended; each round has a start of its own.
PER_PEER_SECONDS, PER_ROUND_SECONDS = 3.0, 0.3


def say(text):
    print(text, flush=True)


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="bench/compare", description="Measures penknife beside its peers on this machine. See bench/README.md.",
        epilog=f"Cases are TOPOLOGY-WORK[@CONNECTIONS]. Topologies: {', '.join(cases.TOPOLOGIES)}. "
               f"Work: {', '.join(cases.WORKS)}. Servers: {', '.join(peers.PEERS)}.")
    add = parser.add_argument
    add("--quick", action="store_true", help="three cases, five servers, five rounds of 3 s")
    add("--case", metavar="LIST", help="the cases, separated by commas")
    add("--peers", metavar="LIST", help="the servers, separated by commas")
    add("--rounds", type=int, help="rounds for each case (8)")
    add("--seconds", type=int, help="length of a round, whole seconds (4)")
    add("--connections", type=int, default=32, help="connections of the load generator, unless the case says (32)")
    add("--processes", type=int, default=2, help="processes of each server (2)")
    add("--threads", type=int, default=1, help="threads in each process, unless the work says (1)")
    add("--wrk-threads", type=int, default=2, help="threads of the load generator (2)")
    add("--nginx-workers", type=int, default=1, help="workers of nginx (1)")
    add("--others", type=float, default=10, metavar="PERCENT",
        help="share of the machine that others may use during a round that counts (10)")
    add("--name", help="results are saved as bench/results/DATE-NAME (quick, or compare)")
    add("--no-save", action="store_true", help="save nothing below bench/results")
    add("--json", metavar="FILE", help="save the data there too")
    asked = parser.parse_args(argv)
    fill(parser, asked)
    return asked


def fill(parser, asked):
    """Puts the defaults in that depend on --quick, and refuses what makes no sense."""
    asked.case = asked.case or (cases.QUICK if asked.quick else cases.ALL)
    asked.peers = asked.peers or (peers.QUICK if asked.quick else ",".join(peers.PEERS))
    asked.rounds = asked.rounds or (5 if asked.quick else 8)
    asked.seconds = asked.seconds or (3 if asked.quick else 4)
    asked.name = asked.name or ("quick" if asked.quick else "compare")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", asked.name):
        parser.error("--name takes small letters, digits and hyphens")
    if min(asked.rounds, asked.connections, asked.processes, asked.threads, asked.wrk_threads, asked.nginx_workers) < 1:
        parser.error("numbers start at 1")
    if asked.seconds < 1:
        parser.error("a round of less than a second says nothing")
    try:
        asked.cases = cases.parse(asked.case, asked.connections)
    except cases.CaseError as error:
        parser.error(str(error))
    names = [name.strip() for name in asked.peers.split(",") if name.strip()]
    for name in names:
        if name not in peers.PEERS:
            parser.error(f"no server {name!r}: there are {', '.join(peers.PEERS)}")
    asked.wanted = [peers.PEERS[name] for name in names]


def plan(asked, installed, root):
    """Pairs each case with the servers that suit it and can run here; gives the seconds that it will take, too."""
    pairs, seconds = [], 0.0
    for case in asked.cases:
        suited = [p for p in asked.wanted if peers.suits(p, case, asked.threads)]
        runnable = sum(not peers.missing(p, root, installed) for p in suited)
        pairs.append((case, suited))
        seconds += runnable * (PER_PEER_SECONDS + asked.rounds * (asked.seconds + PER_ROUND_SECONDS))
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
    try:
        python = environment.prepare(root, say)
        environment.build_floor(root)
    except environment.PreparationError as error:
        return str(error)
    found = json.loads(subprocess.run([python, "-c", machine.LIST], capture_output=True, check=True).stdout)
    pairs, seconds = plan(asked, found[1], root)
    say(f"{len(pairs)} cases, {asked.rounds} rounds of {asked.seconds:g} s: about {minutes(seconds)}, "
        f"no round starts after {minutes(seconds * 1.5 + 60)}")
    settings = measure.Settings(root, python, found[1], asked.processes, asked.threads, asked.rounds, asked.seconds,
                                asked.wrk_threads, asked.nginx_workers, asked.others / 100, time.monotonic() + seconds * 1.5 + 60)
    try:
        data = collect(root, asked, pairs, settings, found)
        return finish(root, asked, data)
    except KeyboardInterrupt:
        return "interrupted"
    except (wrk.LoadError, report.PrivateError) as error:
        return str(error)


def collect(root, asked, pairs, settings, found):
    """Measures every case, and prints each table as soon as it is there."""
    scrub = report.Scrubber([(root + "/", ""), (root, ".")])
    data = {"name": asked.name, "date": datetime.date.today().isoformat(), "command": command_line(asked),
            "processes": asked.processes, "threads": asked.threads, "rounds": asked.rounds,
            "seconds": asked.seconds, "nginx_workers": asked.nginx_workers, "machine": machine.describe(),
            "versions": machine.versions(root, settings.python, found), "cases": []}
    for case, suited in pairs:
        if time.monotonic() > settings.deadline:
            say(f"{case.name}: out of time")
            continue
        say(f"\n{case.name}, {case.connections} connections")
        with measure.Bench(case, suited, settings, say) as bench:
            bench.measure()
            one = report.summarise(bench, scrub)
        data["cases"].append(one)
        say("\n" + report.text_table(report.table(one)))
        for remark in report.remarks(one):
            say("  " + remark)
    return data


def command_line(asked):
    """The command that gives the same run, with every default spelled out."""
    return (f"bench/compare --case {asked.case} --peers {asked.peers} --rounds {asked.rounds} "
            f"--seconds {asked.seconds:g} --connections {asked.connections} --processes {asked.processes} "
            f"--threads {asked.threads} --wrk-threads {asked.wrk_threads} --nginx-workers {asked.nginx_workers} "
            f"--others {asked.others:g} --name {asked.name}")


def finish(root, asked, data):
    if not asked.no_save:
        base = os.path.join("bench", "results", f"{data['date']}-{asked.name}")
        report.save(os.path.join(root, base + ".json"), report.as_json(data))
        report.save(os.path.join(root, base + ".md"), report.markdown(data))
        say(f"\nsaved {base}.json and {base}.md")
    if asked.json:
        report.save(asked.json, report.as_json(data))
    return 0
