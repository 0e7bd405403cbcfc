"""What a result needs beside its figures: the machine, and the version of everything that ran."""

import os
import platform
import re
import subprocess

PEERS = ("uwsgi", "gunicorn", "granian", "fastpysgi", "bjoern", "mod_wsgi", "waitress", "cheroot", "gevent", "flask",
         "django")


def describe():
    with open("/proc/meminfo", encoding="ascii") as file:
        kib = int(file.readline().split()[1])
    return {"cores": len(os.sched_getaffinity(0)), "cpu": cpu_model(), "memory_gib": round(kib / (1 << 20), 1),
            "kernel": platform.release(), "architecture": platform.machine()}


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"


def output(*argv):
    """Both streams of a command, "" if it cannot run."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip()


def first(pattern, text):
    found = re.search(pattern, text)
    return found.group(1) if found else "not there"


def versions(root, python, installed):
    """Name to version, of what is measured and of what measures."""
    interpreter = installed[0]
    penknife = output(os.path.join(root, "bin", "penknife"), "version").splitlines()
    return {
        "penknife": penknife[0] if penknife else "not built",
        "commit": first(r"^(\w+)$", output("git", "-C", root, "rev-parse", "--short=12", "HEAD")),
        "CPython of the servers": interpreter,
        "uWSGI of Debian": first(r"([\d.]+\S*)", output("uwsgi", "--version")),
        "CPython in uWSGI": first(r"Python version: *([\d.]+)", output(
            "timeout", "5", "uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:0", "--need-app",
            "--module", "no_such_module")),
        "nginx": first(r"nginx/([\d.]+)", output("nginx", "-v")),
        "wrk": first(r"wrk (?:\S+/)?([\d.]+\S*)", output("wrk", "-v")),
        "Go": first(r"go(\d[\w.]*)", output("go", "version")),
        **{name: installed[1].get(name, "not there") for name in PEERS},
        **{name.replace(":", "'s "): version for name, version in installed[1].items() if name.startswith("debian:")},
    }
