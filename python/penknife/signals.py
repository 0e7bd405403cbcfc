"""Signals in the zygote and in the workers.

Go alone decides who stops when. A terminal's Ctrl-C does not reach these processes (own session), but a service
manager may send SIGTERM to every process of the service, and a worker must not leave with requests in its hands.
"""
from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import time
from types import FrameType, ModuleType

_LEFT_TO_GO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_owner = 0  # pid of the process that leaves the decision to Go


def _leave_to_go(number: int, _frame: FrameType | None) -> None:
    if os.getpid() != _owner:  # a child that was forked past os.fork
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _in_forked_child() -> None:
    """In a child that the application forked (multiprocessing) the signals mean what they always mean."""
    if os.getpgrp() == os.getpid():
        return  # a worker: it was born with a group of its own
    for number in _LEFT_TO_GO:
        if signal.getsignal(number) is _leave_to_go:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def install(accel: ModuleType, stack_signal: int) -> None:
    """Set up the zygote, before the application may set handlers of its own. A handler, not SIG_IGN: programs that
    the application starts get the default back."""
    own_process()
    for number in _LEFT_TO_GO:
        signal.signal(number, _leave_to_go)
    os.register_at_fork(
        before=accel.hold_signals, after_in_parent=accel.release_signals, after_in_child=_in_forked_child
    )
    os.register_at_fork(after_in_child=accel.release_signals)  # when the child has handlers of its own
    faulthandler.enable(file=2, all_threads=True)
    faulthandler.register(stack_signal, file=2, all_threads=True, chain=False)


def dump_stacks_to(fd: int, stack_signal: int) -> None:
    """Have the stacks go to penknife from now on, where they used to go to stderr. Nobody may ever wait for room."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)  # out of the range that applications guess at
    except OSError:  # fewer than 200 are allowed
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.set_blocking(high, False)
    os.close(fd)
    faulthandler.register(stack_signal, file=high, all_threads=True, chain=False)


def show_hanging(seconds: float) -> None:
    """Have the stacks go to stderr, which is in penknife's log, if got_ready is not called so many seconds after the start
    of the process: soon after that Go ends it. 0 is never."""
    if seconds > 0:
        faulthandler.dump_traceback_later(max(seconds - _age(), seconds / 10), file=2)


def _age() -> float:
    """How long this process exists: proc_pid_stat(5), starttime. The interpreter's own start may have taken its time."""
    with open("/proc/self/stat", encoding="latin-1") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def got_ready() -> None:
    """Call show_hanging off, and end the thread that it has made."""
    faulthandler.cancel_dump_traceback_later()


def own_process() -> None:
    """Say that this process is one of ours; after each fork of a worker."""
    global _owner
    _owner = os.getpid()
