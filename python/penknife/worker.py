"""A worker process, from just after the fork to its end."""
from __future__ import annotations

import os
import signal
from types import ModuleType

from penknife import RequestTimeout, accelerator, channel, errors, genuine, imported, loader, signals, warmup

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    import threading
    from typing import Any, Callable

LOAD_FAILED_STATUS = 3
BROKEN_STATUS = 70


class Worker:
    """One worker. fds are, in this order: lifeline, control socket, stdout, stderr, pipe for dumps of stacks."""

    def __init__(
        self, accel: ModuleType, app: Callable[..., Any] | None, settings: dict[str, Any], fds: list[int]
    ) -> None:
        self.accel = accel
        self.app = app
        self.settings = settings
        self.lifeline, self.control, self.stdout, self.stderr, self.stacks = fds

    def main(self) -> int:
        """Run until Go says that it is enough; answer the exit status."""
        self._settle()
        if self.app is None or self.settings["warmup"]:
            signals.show_hanging(self.settings["stacks_after"])
        if self.app is None:
            try:
                self.app = loader.load(self.settings["app"], self.settings["chdir"])
                genuine.check(self.settings["threads"])
            except BaseException as error:  # SystemExit at import is a failed import as well
                if self.settings["watch"]:
                    imported.report(self.control, set(), error)
                channel.send_text(self.control, channel.FAILED, errors.format_exception(error))
                return LOAD_FAILED_STATUS
        self.accel.configure(
            self.settings["worker"], self.control, self.settings["multiprocess"], errors.format_exception
        )
        if not self._warm_up():
            return LOAD_FAILED_STATUS
        signals.got_ready()
        self._accept_interrupts()
        others = [self._start_thread(index) for index in range(1, self.settings["threads"])]
        if self.settings["watch"]:
            imported.follow(os.dup(self.control), set())
        channel.send_text(self.control, channel.READY)
        os.close(self.control)  # configure has made one of its own
        self.accel.serve(self.app, 0)
        for thread in others:
            thread.join()  # without a limit: Go has one
        return 0

    def _warm_up(self) -> bool:
        """Answer the warm-up requests. Go hears of one that fails; when the generation is starting, that is the end of
        the worker (False). One that takes the place of another serves in spite of it: its siblings do no better."""
        for request in self.settings["warmup"]:
            try:
                warmup.ask(self.app, request, self.settings)
            except BaseException as error:  # SystemExit as well
                trace = "" if isinstance(error, warmup.WarmupError) else errors.format_exception(error)
                reason = str(error) if not trace else "raised " + type(error).__name__
                channel.send_text(self.control, channel.UNFIT, f"{request['target']} {reason}\n{trace}")
                if self.settings["strict"]:
                    if self.settings["watch"]:
                        imported.report(self.control, set(), error)
                    return False
        return True

    def _settle(self) -> None:
        """Make the forked process a worker of its own."""
        signals.own_process()
        accelerator.hold_lifeline(self.accel, self.lifeline)
        self.accel.calls(self.control)  # the application may call while it is imported
        os.dup2(self.stdout, 1)
        os.dup2(self.stderr, 2)
        os.close(self.stdout)
        os.close(self.stderr)
        signals.dump_stacks_to(self.stacks, self.settings["stack_signal"])
        os.environ["PENKNIFE_WORKER"] = str(self.settings["worker"])

    def _accept_interrupts(self) -> None:
        """Let penknife end a request by an exception when its time is over."""
        number = self.settings["interrupt_signal"]
        if not number:
            return
        self.accel.interrupts(RequestTimeout)
        signal.signal(number, self.accel.on_interrupt)
        if self.settings["threads"] > 1:
            genuine.start_thread("penknife-interrupts", self.accel.watch_interrupts)

    def _start_thread(self, index: int) -> threading.Thread:
        import threading  # which the zygote has done for several threads, and only for them

        thread = threading.Thread(target=self._serve, args=(index,), name=f"penknife-{index}", daemon=True)
        thread.start()
        return thread

    def _serve(self, index: int) -> None:
        try:
            self.accel.serve(self.app, index)
        except BaseException as error:
            # A worker with a thread less would go on at part of its strength, and nobody would know.
            os.write(2, errors.format_exception(error).encode("utf-8", "backslashreplace"))
            os._exit(BROKEN_STATUS)
