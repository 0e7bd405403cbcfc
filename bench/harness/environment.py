"""What has to be there before anything is measured: the virtual environment of the peers, and the floor."""

import hashlib
import os
import shutil
import subprocess
import sys

DEBIAN_PYTHON = "/usr/bin/python3"


class PreparationError(RuntimeError):
    """Something that the bench needs could not be made."""


def base_python():
    """The Python of all servers: the one that the distribution's uWSGI embeds, where there is one."""
    return os.environ.get("BENCH_PYTHON") or (DEBIAN_PYTHON if os.path.exists(DEBIAN_PYTHON) else sys.executable)


def prepare(root, say):
    """Makes .venv-bench unless it is complete, and gives its Python."""
    directory, pins = os.path.join(root, ".venv-bench"), os.path.join(root, "bench", "requirements.txt")
    python, stamp = os.path.join(directory, "bin", "python"), os.path.join(directory, ".complete")
    with open(pins, "rb") as file:
        wanted = hashlib.sha256(file.read()).hexdigest() + "\n" + base_python()
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return python
    say("making .venv-bench")
    create(directory)
    run(pip(python) + ["install", "--quiet", "--disable-pip-version-check", "-r", pins])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return python


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


def build_floor(root):
    """Builds bin/bench-floor; without Go it is left out, and the table says so."""
    if shutil.which("go"):
        run(["go", "build", "-trimpath", "-o", os.path.join("bin", "bench-floor"), "./bench/floor"], cwd=root)


def run(argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PreparationError(f"{' '.join(argv[:4])} …: {done.stderr.strip()[-400:]}")
