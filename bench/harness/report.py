"""Sums up what was measured: plain data for the JSON file, tables for people."""

import json
import os
import re

from . import extras, goals, measure
from .intervals import median, ratios, sign_interval
from .peers import PENKNIFE

# What must never stand in a saved file: where things lie on the machine, and addresses but those of the servers
# and of the vocabularies of SVG. Where Debian keeps Python and Apache's modules is no secret.
PRIVATE = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|srv|usr(?!/bin/python3|/lib/apache2)|var|opt|mnt|data)/|"
                     r"https?://(?!127\.0\.0\.1|www\.w3\.org/|purl\.org/)")


class PrivateError(RuntimeError):
    """A file that would have told something about this machine."""


class Scrubber:
    """Takes paths and addresses out of texts. Replacements: (what, by what), longest first. What a server says when it
    fails must not keep a run from being saved."""

    def __init__(self, replacements):
        self.replacements = replacements

    def __call__(self, text):
        for what, by in self.replacements:
            text = text.replace(what, by)
        text = re.sub(r"/tmp/bench-[^/\s:]+", "$TMP", text)
        return re.sub(f"(?:{PRIVATE.pattern})[^\\s:'\"]*", "$PRIVATE", text)


def summarise(bench, scrub):
    """One case as plain data."""
    rates = {s.peer.name: {r.number: r.load.rate for r in s.rounds if not r.reasons}
             for s in bench.subjects if not s.problem}
    return {
        "case": bench.case.name, "connections": bench.case.connections,
        "load": scrub(" ".join(bench.plan.argv("URL"))),
        "peers": [peer_record(s, rates, scrub) for s in bench.subjects],
    }


def summarise_extra(extra, found, scrub):
    """A case of extras.py as plain data; found is what watching.measure gave."""
    rows = [{"peer": s.peer.name, "base": case.topology.name, "note": s.peer.note, "problem": scrub(s.problem),
             "command": scrub(" ".join(s.argv)), "processes": s.processes, "threads": s.threads, "values": values}
            for case, s, values in found]
    return {"case": extra.name, "kind": extra.kind, "workers": extra.workers, "rows": rows}


def extra_table(extra):
    """Its rows, the header first."""
    columns = extras.COLUMNS[extra["kind"]]
    rows = [("server", "topology", *(title for _, title, _ in columns), "")]
    for row in extra["rows"]:
        problem = row["problem"].splitlines()[0] if row["problem"] else ""
        rows.append((row["peer"], row["base"], *(form.format(row["values"][key]) if row["values"] else "–"
                                                 for key, _, form in columns), problem or row["note"]))
    return rows


def peer_record(subject, rates, scrub):
    good = [r for r in subject.rounds if not r.reasons]
    record = {
        "peer": subject.peer.name, "note": subject.peer.note, "problem": scrub(subject.problem),
        "command": scrub(" ".join(subject.argv)), "processes": subject.processes, "threads": subject.threads,
        "rounds_run": len(subject.rounds), "rounds_that_count": len(good),
        "dropped": subject.dropped,
        "reasons": sorted({reason for r in subject.rounds for reason in r.reasons}),
        "rounds": [measure.round_record(r) for r in subject.rounds],
    }
    if good and not subject.problem:
        record["summary"] = summary(subject, good, rates)
    return record


def summary(subject, good, rates):
    starved = any(r.fresh_ms is None for r in good)
    result = {
        "rate": median([r.load.rate for r in good]),
        "p50_us": median([r.load.p50 for r in good]), "p99_us": median([r.load.p99 for r in good]),
        "p999_us": median([r.load.p999 for r in good]),
        "cpu_us": median([r.cpu_us for r in good]), "front_cpu_us": median([r.front_cpu_us for r in good]),
        "memory": max(r.memory for r in good), "idle_memory": subject.idle_memory,
        "fresh_ms": None if starved else max(r.fresh_ms for r in good),
    }
    pairs = ratios(rates.get(PENKNIFE, {}), rates[subject.peer.name])
    if pairs and subject.peer.name != PENKNIFE:
        low, high, coverage = sign_interval(pairs)
        result["penknife_ratio"] = {"median": median(pairs), "low": low, "high": high, "coverage": coverage,
                                    "pairs": len(pairs)}
    return result


HEADER = ("server", "req/s", "penknife ÷ it", "interval", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs/req",
          "nginx µs/req", "peak MiB", "new client ms", "rounds")


def table(case):
    """The rows of one case, the header first."""
    return [HEADER] + [row(p) for p in sorted(case["peers"], key=lambda p: -p.get("summary", {}).get("rate", 0))]


def row(peer):
    s = peer.get("summary")
    rounds = f"{peer['rounds_that_count']}/{peer['rounds_run']}"
    if not s:
        return (peer["peer"], *["–"] * (len(HEADER) - 2), rounds)
    ratio = s.get("penknife_ratio")
    fresh = "starved" if s["fresh_ms"] is None else "–" if s["fresh_ms"] < 0 else f"{s['fresh_ms']:.1f}"
    return (peer["peer"], f"{s['rate']:,.0f}", f"{ratio['median']:.2f}" if ratio else "–",
            f"{ratio['low']:.2f} … {ratio['high']:.2f}" if ratio else "–",
            *(f"{s[k] / 1000:.2f}" for k in ("p50_us", "p99_us", "p999_us")), f"{s['cpu_us']:.1f}",
            f"{s['front_cpu_us']:.1f}" if s["front_cpu_us"] else "–", f"{s['memory'] / (1 << 20):.1f}", fresh,
            rounds)


def remarks(case):
    """What the table cannot say: who did not run and why, rounds that did not count, unequal shapes."""
    lines = []
    for peer in case["peers"]:
        what = [peer["problem"].splitlines()[0]] if peer["problem"] else []
        what += [f"rounds that do not count: {', '.join(peer['reasons'])}"] if peer["reasons"] else []
        what += [peer["note"]] if peer["note"] else []
        what += ["far behind, so no further rounds"] if peer["dropped"] else []
        if peer.get("summary", {"fresh_ms": 0})["fresh_ms"] is None:
            what.append("served some connections and left others waiting, so its latencies are those of the lucky ones")
        if what:
            lines.append(f"{peer['peer']}: {'; '.join(what)}")
    coverages = {p["summary"]["penknife_ratio"]["coverage"] for p in case["peers"]
                 if p.get("summary", {}).get("penknife_ratio")}
    if coverages:
        lines.append("the intervals cover the median ratio with " + ", ".join(f"{c:.1%}" for c in sorted(coverages)))
    return lines


def text_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths)))
                     for r in rows)


def markdown_table(rows, figures=True):
    """Columns of figures, the first excepted, or of text."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" + ("|---:" if figures else "|---") * (len(rows[0]) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows[1:]])


def markdown(data):
    """The whole file for people."""
    m = data["machine"]
    lines = [f"# {data['name']}, {data['date']}", "",
             f"{m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Linux {m['kernel']}. "
             f"{data['processes']} processes, {data['threads']} threads unless said, nginx with "
             f"{data['nginx_workers']} worker. {data['rounds']} rounds of {data['seconds']:g} s, in alternating order.",
             "bench/README.md says how to read this.", "", "Run with: `" + data["command"] + "`", ""]
    lines += [data["interrupted"], ""] if data["interrupted"] else []
    at = len(lines)
    for case in data["cases"]:
        lines += [f"## {case['case']}, {case['connections']} connections", "", markdown_table(table(case)), ""]
        lines += [f"- {remark}" for remark in remarks(case)] + [""]
    for extra in data["extras"]:
        lines += [f"## {extra['case']}", "", markdown_table(extra_table(extra)), ""]
    if data["goals"]:
        lines[at:at] = ["## Goals", "", markdown_table([goals.HEADER, *data["goals"]], figures=False), ""]
    if data["plots"]:
        lines[at:at] = [f"![{title}]({file})" for title, file in data["plots"]] + [""]
    lines += ["## Versions", ""] + [f"- {name}: {version}" for name, version in data["versions"].items()]
    lines += ["", "## Commands", ""]
    for case in data["cases"]:
        lines += [f"{case['case']}: `{case['load']}`", ""]
        lines += [f"- {p['peer']}: `{p['command']}`" for p in case["peers"]] + [""]
    for extra in data["extras"]:
        lines += [f"{extra['case']}:", ""]
        lines += [f"- {row['peer']}: `{row['command']}`" for row in extra["rows"]] + [""]
    return "\n".join(lines).rstrip() + "\n"


def save(path, text):
    """Writes a file, unless it tells where things lie on this machine."""
    found = PRIVATE.search(text)
    if found:
        raise PrivateError(f"not saved, it holds {text[max(0, found.start() - 30):found.end() + 30]!r}")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def as_json(data):
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
