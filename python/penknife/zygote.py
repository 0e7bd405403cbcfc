"""The zygote: imports the application once and forks a worker each time that Go asks for one."""
from __future__ import annotations

import gc
import os
import sys
from types import ModuleType

from penknife import accelerator, channel, errors, genuine, imported, loader, signals
from penknife.worker import Worker

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Callable, TextIO

CONTROL_FD, PACKAGE_FD, ACCEL_FD, MEMORY_FD, EVENT_FD, BODIES_FD, LIFELINE_FD = range(3, 10)
LOAD_FAILED_STATUS = 3
LOOKS, LOOK_PAUSE = 10, 0.005  # so often, in seconds, are threads looked for that may be about to end


class Zygote:
    """State of this process. Go's first message is the settings, every later one a command to spawn."""

    def __init__(self, control: channel.Channel, settings: dict[str, Any], accel: ModuleType) -> None:
        self.control = control
        self.settings = settings
        self.accel = accel
        self.app: Callable[..., Any] | None = None

    def load(self) -> None:
        """Import the application, or tell Go why not and end."""
        signals.show_hanging(self.settings["stacks_after"])
        try:
            self.app = loader.load(self.settings["app"], self.settings["chdir"])
            genuine.check(self.settings["threads"])
        except BaseException as error:  # SystemExit at import is a failed import as well
            flush()
            self.report(error)
            self.control.send(channel.FAILED, errors.format_exception(error))
            os._exit(LOAD_FAILED_STATUS)
        signals.got_ready()
        self.report()

    def report(self, error: BaseException | None = None) -> None:
        """Tell Go what was imported, if it watches files."""
        if self.settings["watch"]:
            imported.report(self.control.socket.fileno(), set(), error)

    def freeze(self) -> None:
        """Collect first: cycles that are garbage now would stay for ever. Then move everything where no
        collection in a worker writes to it, so that the pages stay shared."""
        gc.collect()
        gc.freeze()

    def announce(self) -> None:
        about = {"version": sys.version.split()[0], "executable": sys.executable, "threads": threads_lost()}
        self.control.send_json(channel.READY, about)

    def serve(self) -> Worker:
        """Fork workers until Go closes the socket; return in each of them."""
        # Only other threads can print between two forks.
        before = flush if len(os.listdir("/proc/self/task")) > 1 else None
        flush()
        order = self.accel.next_worker(self.control.socket.fileno(), before)
        if order is None:
            flush()
            os._exit(0)  # no atexit: what the application registered belongs to the workers
        number, strict, fds = order
        self.control.close()
        return Worker(self.accel, self.app, {**self.settings, "worker": number, "strict": strict}, fds)


def threads_lost() -> list[str]:
    """Name the threads, beside this one, that a fork loses. A fork on trial shows it: a library may end its own before each
    fork and start them when they are needed again (OpenBLAS under numpy), or start them in the child (OpenTelemetry)."""
    threads = genuine.others()
    known = {os.getpid(), *(thread.native_id for thread in threads)}
    names = [thread.name for thread in threads]
    if not names and not _strangers(known):
        return []
    kept = _threads_of_child()
    names = [name for name in names if name not in kept]
    for _ in range(LOOKS):  # a thread that was waited for is seen for a moment more
        if not _strangers(known):
            break
        genuine.sleep(LOOK_PAUSE)
    return names + _strangers(known)


def _threads_of_child() -> list[str]:
    """The names of the threads that a forked child has beside its first one."""
    reader, writer = os.pipe()
    try:
        child = genuine.fork()
        if child == 0:
            try:
                os.write(writer, "\0".join(thread.name for thread in genuine.others()).encode("utf-8", "replace")[:4096])
            finally:
                os._exit(0)
        os.close(writer)
        writer = -1
        names = os.read(reader, 4096).decode("utf-8", "ignore").split("\0")
        _reap(child)
        return names
    except OSError:  # too many processes: then nothing is known
        return []
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


def _strangers(known: set[int | None]) -> list[str]:
    """The names, as the kernel has them, of this process's threads that Python does not know."""
    names = []
    for task in os.listdir("/proc/self/task"):
        if int(task) not in known:
            try:
                with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="backslashreplace") as file:
                    names.append(file.read().strip())
            except OSError:  # it has ended meanwhile
                pass
    return sorted(names)


def _reap(child: int) -> None:
    try:
        genuine.waitpid(child, 0)
    except ChildProcessError:  # the application ignores SIGCHLD, or its handler was quicker
        pass


def flush() -> None:
    """Empty the buffers of the standard streams: what is in them must not be written once by every child."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # None, closed, or replaced by the application
            pass


def _line_by_line(stream: TextIO | None) -> None:
    """The log gets a line when it is printed, whatever the locale makes of it."""
    if stream is not None:
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]


def main() -> Worker:
    """Be the zygote. Returns only in a forked worker."""
    for fd in (CONTROL_FD, PACKAGE_FD, ACCEL_FD, MEMORY_FD, EVENT_FD, BODIES_FD, LIFELINE_FD):
        os.set_inheritable(fd, False)
    control = channel.Channel(CONTROL_FD)
    first = control.receive()
    if first is None:
        os._exit(0)
    settings = first[0]
    try:
        accel = accelerator.load(ACCEL_FD)
    except ImportError as error:
        control.send(channel.REFUSED, f"{sys.executable} cannot load penknife's accelerator: {error}")
        os._exit(LOAD_FAILED_STATUS)
    accelerator.hold_lifeline(accel, LIFELINE_FD)
    accel.attach(MEMORY_FD, EVENT_FD, bytes.fromhex(settings["geometry"]))  # keeps what it needs
    accel.calls(CONTROL_FD)
    accel.map_bodies(BODIES_FD)
    for fd in (MEMORY_FD, EVENT_FD, BODIES_FD):
        os.close(fd)
    signals.install(accel, settings["stack_signal"])
    _line_by_line(sys.stdout)
    _line_by_line(sys.stderr)
    if settings["threads"] > 1:
        import threading  # noqa: F401  once, and not in each worker
    sys.argv = [settings["app"]]
    sys.path.insert(0, settings["chdir"])
    zygote = Zygote(control, settings, accel)
    if settings["preload"]:
        zygote.load()
        zygote.freeze()
    zygote.announce()
    return zygote.serve()
