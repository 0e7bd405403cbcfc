"""Servers as process trees: started in the foreground, accounted from /proc, ended by group."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 5
KTHREADD = 2  # the parent of kernel threads


class ServerError(RuntimeError):
    """A server that did not start, or died."""


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that are needed. cpu is in seconds and includes reaped children."""

    pid: int
    parent: int
    group: int
    session: int
    cpu: float
    started: int


def read_stat(pid, corpses=False):
    """Gives a process' Stat, or None if there is no such process (or only its corpse, unless those are wanted)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name may hold spaces and parentheses, so fields are counted from its end.
    fields = text[text.rindex(b")") + 2:].split()
    if fields[0] in (b"Z", b"X") and not corpses:
        return None
    ticks = sum(map(int, fields[11:15]))
    return Stat(pid, int(fields[1]), int(fields[2]), int(fields[3]), ticks / TICK, int(fields[19]))


def snapshot(corpses=False):
    """Gives the Stat of every process."""
    return [s for s in (read_stat(int(name), corpses) for name in os.listdir("/proc") if name.isdigit()) if s]


def tree(stats, roots):
    """Picks the processes of some servers out of a snapshot: those of their sessions, and every descendant."""
    children = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
    found = {s.pid: s for s in stats if s.pid in roots or s.session in roots}
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                waiting.append(child.pid)
    return list(found.values())


def others_cpu(roots):
    """CPU seconds of all processes but those of some trees, and of neighbours on the host that had our turn (steal).

    Only differences mean something. Kernel threads are left out: it is our load that they work for.
    """
    # What a corpse has used is in its parent's account only when it is buried.
    stats = snapshot(corpses=True)
    ours = {s.pid for s in tree(stats, roots)}
    foreign = sum(s.cpu for s in stats if s.pid not in ours and KTHREADD not in (s.pid, s.parent))
    with open("/proc/stat", "rb") as file:
        steal = int(file.readline().split()[8])
    return foreign + steal / TICK


def pss(pid):
    """Gives the proportional set size in bytes, 0 for a process that is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def task_activity(pid):
    """CPU nanoseconds and voluntary context switches of each thread that a process has now, by thread. The scheduler's
    clock counts nanoseconds, where /proc/PID/stat has ticks of 10 ms."""
    found = {}
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat", "rb") as file:
                nanoseconds = int(file.read().split()[0])
            with open(f"/proc/{pid}/task/{task}/status", "rb") as file:
                switches = [int(line.split()[1]) for line in file if line.startswith(b"voluntary_ctxt_switches")]
        except OSError:
            continue
        found[int(task)] = nanoseconds, switches[0]
    return found


def activity_between(before, after):
    """CPU seconds and wake-ups (voluntary context switches) from one reading to a later one. Threads that ended
    meanwhile are left out, those that began count from nothing."""
    pairs = [(now, before.get(task, (0, 0))) for task, now in after.items()]
    return sum(now[0] - then[0] for now, then in pairs) / 1e9, sum(now[1] - then[1] for now, then in pairs)


class Server:
    """One server in a session of its own. Stop it whatever happens: it never ends by itself."""

    def __init__(self, name, argv, directory, log, environ=None):
        self.name, self.argv, self.log = name, argv, log
        self.seen = {}  # pid -> start time, so that a reused pid is never killed
        with open(log, "wb") as out:
            self.process = subprocess.Popen(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={**os.environ, **(environ or {})}, start_new_session=True)

    def tree(self):
        members = tree(snapshot(), {self.process.pid})
        self.seen.update((m.pid, m.started) for m in members)
        return members

    def alive(self):
        return self.process.poll() is None

    def cpu(self):
        """CPU seconds of the tree since it was started, user and system, live processes and reaped ones."""
        return sum(m.cpu for m in self.tree())

    def activity(self):
        """What the threads of the tree have done so far, for activity_between."""
        return {task: done for m in self.tree() for task, done in task_activity(m.pid).items()}

    def memory(self):
        """Proportional set size of the tree in bytes."""
        return sum(pss(m.pid) for m in self.tree())

    def tail(self, lines=12):
        with open(self.log, "rb") as file:
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def terminate(self):
        """Asks the tree to end, without waiting."""
        self.tree()
        signal_group(self.process.pid, signal.SIGTERM)

    def stop(self):
        """Asks the tree to end, then makes it end. Returns the pids that had to be killed one by one."""
        self.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self.kill_left()

    def kill_left(self):
        """Ends members that left the group. Workers may take a moment to notice that their parent is gone."""
        deadline = time.monotonic() + 1
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self.left()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return left

    def left(self):
        stats = ((pid, read_stat(pid)) for pid in self.seen)
        return [pid for pid, stat in stats if stat and stat.started == self.seen[pid]]


def signal_group(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass
