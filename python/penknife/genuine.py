"""The interpreter's own functions, taken before the application is imported.

gevent and eventlet put others in their place (monkey.patch_all): a fork that is waited for in an event loop, threads that
run only when such a loop runs. penknife has no such loop. So its own code uses these.
"""
from __future__ import annotations

import _thread
import os
import sys
import time

from penknife.errors import LoadError

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    import threading
    from typing import Any, Callable

fork = os.fork
waitpid = os.waitpid
sleep = time.sleep
_start = _thread.start_new_thread


def check(threads: int) -> None:
    """After the import of the application: LoadError if it cannot be served by so many threads."""
    if threads > 1 and _patched():
        raise LoadError(
            "the application has replaced the threads of the standard library (monkey.patch_all of gevent, monkey_patch of "
            f"eventlet), and workers.threads is {threads}: set it to 1 and raise workers.processes, or leave the patch out"
        )


def start_thread(name: str, target: Callable[..., None], *args: Any) -> None:
    """Start a daemon thread of the operating system that lives as long as the process."""
    if _patched():
        _start(target, args)
    else:
        import threading  # late: see others

        threading.Thread(target=target, args=args, name=name, daemon=True).start()


def others() -> list[threading.Thread]:
    """Give the threads beside this one that the module threading knows. It is imported by whoever needs it, since it acts at
    each fork, for which workers that do without share 0.4 MiB less."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    return [thread for thread in threading.enumerate() if thread is not threading.current_thread()]


def _patched() -> bool:
    return _thread.start_new_thread is not _start
