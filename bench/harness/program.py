"""A run: how long it will take, the order of things, and what is kept of it."""

import datetime
import os
import resource
import shutil
import signal
import subprocess
import time

from . import asking, environment, extras, goals, machine, measure, peers, report, watching

# Besides its rounds, each server of a case is started, warmed, checked and ended; each round has a start of its own.
PER_CASE_SECONDS, PER_PEER_SECONDS, PER_ROUND_SECONDS = 2.0, 2.0, 0.3


def say(text):
    print(text, flush=True)


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
    asked = asking.arguments(argv)
    # A terminated run ends its servers, by the contexts that hold them, and keeps what it has.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
    except (PlotError, report.PrivateError) as error:
        return str(error)


class PlotError(RuntimeError):
    """The plots could not be drawn."""


def raise_descriptors():
    """Servers and generators inherit the limit: thousands of connections need it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def collect(root, asked, pairs, settings, found):
    """Measures every case, and prints each table as soon as it is there."""
    scrub = report.Scrubber([(root + "/", ""), (root, ".")])
    data = {"name": asked.name, "date": datetime.date.today().isoformat(), "command": asking.command_line(asked),
            "processes": asked.processes, "threads": asked.threads, "rounds": asked.rounds,
            "seconds": asked.seconds, "nginx_workers": asked.nginx_workers, "machine": machine.describe(),
            "versions": machine.versions(root, settings.python, found), "cases": [], "extras": [], "goals": [], "plots": [],
            "interrupted": ""}
    try:
        for case, suited in pairs:
            collect_one(case, suited, settings, scrub, data)
    except KeyboardInterrupt:
        data["interrupted"] = "interrupted: the results are those of the cases before"
        say(data["interrupted"])
    data["goals"] = goals.table(goals.judge(data, [case.name for case, _ in pairs]))[1:]
    return data


def collect_one(case, suited, settings, scrub, data):
    if time.monotonic() > settings.deadline:
        say(f"{case.name}: out of time")
    elif isinstance(case, extras.Extra):
        data["extras"].append(collect_extra(case, suited, settings, scrub))
    else:
        data["cases"].append(collect_case(case, suited, settings, scrub))


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


def finish(root, asked, data, python):
    """Prints and saves what was measured, and gives the exit status: 0, or why the run is not whole."""
    if data["goals"]:
        say("\ngoals\n" + report.text_table([goals.HEADER, *data["goals"]]))
    if asked.json:
        report.save(asked.json, report.as_json(data))
    if asked.no_save:
        return data["interrupted"] or 0
    base = f"{data['date']}-{asked.name}"
    place = os.path.join(root, "bench", "results")
    report.save(os.path.join(place, base + ".json"), report.as_json(data))
    data["plots"] = draw(python, os.path.join(place, base + ".json"), place, base)
    report.save(os.path.join(place, base + ".md"), report.markdown(data))
    say(f"\nsaved bench/results/{base}.json, .md and {len(data['plots'])} plots")
    return data["interrupted"] or 0


def draw(python, path, place, base):
    """Has the plots drawn by the Python that has matplotlib: titles and files."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plots.py")
    done = subprocess.run([python, "-B", program, path, place, base], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlotError("no plots: " + done.stderr.strip()[-400:])
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
