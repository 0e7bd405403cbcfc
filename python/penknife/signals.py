"""Signals in the zygote and in the workers.

Go alone decides who stops when. A terminal's Ctrl-C does not reach these processes (own session), but a service
manager may send SIGTERM to every process of the service, and a worker must not leave with requests in its hands.
"""
from __future__ import annotations

import faulthandler
import os
import signal
from types import FrameType

_LEFT_TO_GO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_owner = 0  # pid of the process that leaves the decision to Go


def _leave_to_go(number: int, _frame: FrameType | None) -> None:
    if os.getpid() == _owner:
        return
    # A child that the application forked (multiprocessing): there the signal means what it always means.
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def install(stack_signal: int) -> None:
    """Set up the zygote, before the application may set handlers of its own. A handler, not SIG_IGN: programs that
    the application starts get the default back."""
    own_process()
    for number in _LEFT_TO_GO:
        signal.signal(number, _leave_to_go)
    faulthandler.enable(file=2, all_threads=True)
    faulthandler.register(stack_signal, file=2, all_threads=True, chain=False)


def own_process() -> None:
    """Say that this process is one of ours; after each fork of a worker."""
    global _owner
    _owner = os.getpid()
