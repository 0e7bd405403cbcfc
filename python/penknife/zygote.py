"""The zygote: imports the application once and forks a worker each time that Go asks for one."""
from __future__ import annotations

import gc
import json
import os
import sys
import threading
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
        """Obey Go until it closes the socket; return in each worker."""
        while True:
            command = self.control.receive()
            if command is None:
                flush()
                os._exit(0)  # no atexit: what the application registered belongs to the workers
            request, fds = command
            worker = self.spawn(request, fds)
            if worker is not None:
                return worker

    def spawn(self, request: dict[str, Any], fds: list[int]) -> Worker | None:
        """Fork one worker. None in the zygote."""
        birth = request["birth"]
        try:
            pid = fork_orphan()
        except OSError as error:
            self.control.send_json(channel.NOT_SPAWNED, {"birth": birth, "error": str(error)})
            pid = -1
        if pid == 0:
            self.control.close()
            return Worker(self.accel, self.app, {**self.settings, **request}, fds)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            self.control.send_json(channel.SPAWNED, {"birth": birth, "pid": pid})
        return None


def threads_lost() -> list[str]:
    """Name the threads, beside this one, that a fork loses. A library that ends its own before each fork and starts them
    when they are needed again (OpenBLAS under numpy) has none: a fork on trial shows it."""
    lost = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    names = [thread.name for thread in lost]
    known = {os.getpid(), *(thread.native_id for thread in lost)}
    if not _strangers(known):
        return names
    try:
        child = signals.fork()
    except OSError:  # too many processes
        child = -1
    if child == 0:
        os._exit(0)
    if child > 0:
        _reap(child)
    for _ in range(LOOKS):  # a thread that was waited for is seen for a moment more
        if not _strangers(known):
            break
        genuine.sleep(LOOK_PAUSE)
    return names + _strangers(known)


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


def fork_orphan() -> int:
    """Fork a grandchild in a process group of its own and answer its pid; 0 in the grandchild.

    The process between ends at once, so that the kernel hands the grandchild to Go, the subreaper. It is waited
    for here: when the pid is known to Go, Go is the parent already.
    """
    flush()
    reader, writer = os.pipe()
    try:
        middle = signals.fork()
    except OSError:  # too many processes: Go tries again and again
        os.close(reader)
        os.close(writer)
        raise
    if middle == 0:
        return _in_the_middle(reader, writer)
    os.close(writer)
    try:
        answer = _read_all(reader)
    finally:
        os.close(reader)
        _reap(middle)
    pid = json.loads(answer) if answer else "the intermediate process died"
    if isinstance(pid, str):
        raise OSError(pid)
    return int(pid)


def _in_the_middle(reader: int, writer: int) -> int:
    try:
        os.close(reader)
        pid = signals.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.close(writer)
            return 0
    except OSError as error:
        os.write(writer, json.dumps(str(error)).encode())
        os._exit(1)
    try:
        os.setpgid(pid, pid)  # both do it: neither may rely on the other to be first
    except OSError:
        pass
    os.write(writer, json.dumps(pid).encode())
    os._exit(0)


def _read_all(fd: int) -> bytes:
    data = b""
    while piece := os.read(fd, 4096):
        data += piece
    return data


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
    signals.install(settings["stack_signal"])
    _line_by_line(sys.stdout)
    _line_by_line(sys.stderr)
    sys.argv = [settings["app"]]
    sys.path.insert(0, settings["chdir"])
    zygote = Zygote(control, settings, accel)
    if settings["preload"]:
        zygote.load()
        zygote.freeze()
    zygote.announce()
    return zygote.serve()
