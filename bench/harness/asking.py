"""The command line: what is asked for."""

import argparse
import re
from dataclasses import dataclass

from . import cases, extras, goals, growth, measure, peers


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
