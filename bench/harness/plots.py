"""Draws the plots of a saved run as SVG files. It needs matplotlib, so it runs with the bench's environment:

python plots.py DATA.json DIRECTORY PREFIX prints the title and the file of each plot.
"""

import json
import os
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402 - the backend comes first

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import growth  # noqa: E402 - the path comes first

# The text stays text, and the same data give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9, "axes.grid": True,
                            "grid.alpha": 0.3, "axes.axisbelow": True})
ANONYMOUS = {"Date": None, "Creator": None}
COLOURS = {"penknife": "black", "uwsgi": "tab:blue", "uwsgi-router": "tab:cyan", "gunicorn-gthread": "tab:green",
           "gunicorn-preload": "tab:olive", "granian": "tab:red", "fastpysgi": "tab:purple"}
MOST_RATIOS = 60


def main(path, directory, prefix):
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    for sweep in growth.SWEEPS:
        if draw_sweep(data, sweep, os.path.join(directory, f"{prefix}-{sweep.name}.svg")):
            print(f"{sweep.name}\t{prefix}-{sweep.name}.svg")
    ratios = ratios_of(data)
    if ratios and not any(case["case"] in growth.CASES and "@" in case["case"] for case in data["cases"][:1]):
        draw_ratios(ratios, os.path.join(directory, f"{prefix}-ratios.svg"))
        print(f"penknife ÷ each server\t{prefix}-ratios.svg")


def draw_sweep(data, sweep, path):
    """Draws the panels of a sweep side by side; False if the data have less than two points of it."""
    found = [(title, growth.curves(data, sweep, figure)) for title, figure in growth.panels(sweep)]
    if max((len(curve.points) for _, curves in found for curve in curves), default=0) < 2:
        return False
    figure, axes = pyplot.subplots(1, len(found), figsize=(4.6 * len(found), 3.6), layout="constrained", squeeze=False)
    for axis, (title, curves) in zip(axes[0], found):
        for curve in curves:
            axis.plot(*zip(*curve.points), marker="o", markersize=3.5, label=curve.server, color=COLOURS.get(curve.server),
                      linewidth=2.2 if curve.server == "penknife" else 1.4)
        axis.set(title=title, xlabel=sweep.axis)
        scale(axis, sweep)
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, metadata=ANONYMOUS)
    pyplot.close(figure)
    return True


def scale(axis, sweep):
    """Memory grows from nothing in a straight line; the others span so much that only a logarithm shows both ends."""
    values = list(sweep.cases)
    if sweep.name == "memory":
        axis.set_ylim(bottom=0)
    else:
        axis.set_yscale("log")
        axis.set_xscale("symlog", base=2, linthresh=min(v for v in values if v))
    axis.set_xticks(values, [short(v, sweep.name in ("download", "upload")) for v in values])
    axis.minorticks_off()


def short(number, size):
    """A tick's text; sizes have units."""
    for unit, bytes_of in (("M", 1 << 20), ("k", 1 << 10)):
        if size and number and number % bytes_of == 0:
            return f"{number // bytes_of}{unit}"
    return str(number)


def ratios_of(data):
    """(case, server, ratio) of every server that penknife was compared with."""
    return [(f"{case['case']}  {peer['peer']}", peer["summary"]["penknife_ratio"]) for case in data["cases"]
            for peer in case["peers"] if peer.get("summary", {}).get("penknife_ratio")][:MOST_RATIOS]


def draw_ratios(ratios, path):
    """A dot and its interval for each server of each case; right of the line penknife is ahead."""
    figure, axis = pyplot.subplots(figsize=(7.5, 1 + 0.19 * len(ratios)), layout="constrained")
    places = range(len(ratios), 0, -1)
    middles = [ratio["median"] for _, ratio in ratios]
    spread = [[r["median"] - r["low"] for _, r in ratios], [r["high"] - r["median"] for _, r in ratios]]
    axis.errorbar(middles, places, xerr=spread, fmt="o", markersize=3.5, color="black", elinewidth=0.8)
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xscale("log", base=2)
    axis.set_xticks(*zip(*[(2.0 ** n, f"{2.0 ** n:g}") for n in range(-2, 6)]))
    axis.set_yticks(places, [name for name, _ in ratios], fontsize=7)
    axis.set(ylim=(0.3, len(ratios) + 0.7), xlabel="requests/s, penknife ÷ server, median and interval")
    figure.savefig(path, metadata=ANONYMOUS)
    pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:4])
