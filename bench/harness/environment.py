"""What has to be there before anything is measured: the virtual environment of the peers, the floor and the
load generator."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN = ("gunicorn", "libapache2-mod-wsgi-py3", "python3-cheroot", "python3-waitress", "uwsgi-core", "apache2", "wrk")
LIST = ("import importlib.metadata as m, json, platform; "
        "print(json.dumps([platform.python_version(), {d.metadata['Name'].lower().replace('-', '_'): d.version "
        "for d in m.distributions()}]))")


class PreparationError(RuntimeError):
    """Something that the bench needs could not be made."""


def base_python():
    """The Python of all servers: the one that the distribution's uWSGI embeds, where there is one."""
    return os.environ.get("BENCH_PYTHON") or (DEBIAN_PYTHON if os.path.exists(DEBIAN_PYTHON) else sys.executable)


def prepare(root, say):
    """Makes .venv-bench unless it is complete, and gives its Python."""
    directory = os.path.join(root, ".venv-bench")
    pins, built = (os.path.join(root, "bench", name) for name in ("requirements.txt", "requirements-built.txt"))
    python, stamp = os.path.join(directory, "bin", "python"), os.path.join(directory, ".complete")
    wanted = hashlib.sha256(read(pins) + read(built)).hexdigest() + "\n" + base_python()
    if os.path.exists(stamp) and read(stamp).decode() == wanted:
        return python
    say("making .venv-bench, which compiles some servers: it takes minutes")
    create(directory)
    install = pip(python) + ["install", "--quiet", "--disable-pip-version-check"]
    run(install + ["-r", pins])
    with open(failures_file(root), "w", encoding="utf-8") as file:
        json.dump(build_each(install, read(built).decode(), say), file)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return python


def read(path):
    with open(path, "rb") as file:
        return file.read()


def failures_file(root):
    return os.path.join(root, ".venv-bench", ".failures")


def build_each(install, pins, say):
    """Builds the servers that need a compiler. Gives those that could not be built, with the reason."""
    failures = {}
    for line in pins.splitlines():
        pin, _, package = (part.strip() for part in line.partition("#"))
        if not pin:
            continue
        try:
            run(install + [pin])
        except PreparationError:
            reason = "cannot be built: it needs " + ", ".join(filter(None, ("a C compiler", "python3-dev", package)))
            failures[pin.partition("==")[0].lower()] = reason
            say(f"{pin} {reason}")
    return failures


def found(root, python):
    """What there is: the interpreter's version, and distributions with their versions, or why they are not there.
    Debian's packages are named debian:PACKAGE."""
    interpreter, installed = json.loads(output([python, "-c", LIST]))
    with open(failures_file(root), encoding="utf-8") as file:
        installed = {**json.load(file), **installed}
    if shutil.which("dpkg-query"):
        for line in output(["dpkg-query", "-W", "-f", "${Status}\t${Package}\t${Version}\n", *DEBIAN]).splitlines():
            status, package, version = line.split("\t")
            if status.endswith(" installed"):
                installed["debian:" + package] = version
    return interpreter, installed


def output(argv):
    """What a command prints; it may fail for some of what it was asked."""
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def create(directory):
    """Debian splits ensurepip off, so the environment may have to do without a pip of its own."""
    base = [base_python(), "-m", "venv", "--clear"]
    if subprocess.run(base + [directory], capture_output=True, check=False).returncode:
        run(base + ["--without-pip", directory])


def pip(python):
    """The environment's own pip, or another Python's that is told to install there."""
    for argv in ([python, "-m", "pip"], *([p, "-m", "pip", "--python", python] for p in (sys.executable,
                                                                                       shutil.which("python3")))):
        if argv[0] and not subprocess.run(argv + ["--version"], capture_output=True, check=False).returncode:
            return argv
    raise PreparationError("no pip: install python3-venv or python3-pip")


def build_tools(root):
    """Builds the floor and the load generator that compares."""
    if not shutil.which("go"):
        raise PreparationError("no go on PATH: it builds the load generator")
    for name in ("floor", "load"):
        run(["go", "build", "-trimpath", "-o", os.path.join("bin", "bench-" + name), "./bench/" + name], cwd=root)


def run(argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PreparationError(f"{' '.join(argv[:4])} …: {done.stderr.strip()[-400:]}")
