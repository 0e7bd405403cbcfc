"""Tells Go which files the application was imported from, so that `--reload` can watch them."""
from __future__ import annotations

import os
import sys

from penknife import channel, genuine

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Iterator

INTERVAL = 0.5  # seconds between two looks at what a worker has imported meanwhile
OWN = "/proc/self/fd/"


def report(fd: int, known: set[str], error: BaseException | None = None) -> None:
    """Send the files of all modules, and those that an error names, that are not in known; add them to it."""
    found = {os.path.abspath(path) for path in (*_modules(), *_named(error)) if not path.startswith((OWN, "<"))}
    batch = ""
    for path in sorted(found - known):
        if len(batch.encode("utf-8", "surrogateescape")) + len(path) > channel.MAX_MESSAGE // 4:
            _send(fd, batch)
            batch = ""
        batch += path + "\0"
    if batch:
        _send(fd, batch)
    known |= found


def follow(fd: int, known: set[str]) -> None:
    """Keep reporting from a thread of its own: applications import when they are first asked for something."""
    genuine.start_thread("penknife-imported", _follow, fd, known)


def _follow(fd: int, known: set[str]) -> None:
    seen = -1
    while True:
        count = len(sys.modules)
        if count != seen:
            seen = count
            try:
                report(fd, known)
            except OSError:  # Go has gone
                return
        genuine.sleep(INTERVAL)


def _send(fd: int, batch: str) -> None:
    os.write(fd, channel.IMPORTED + batch.encode("utf-8", "surrogateescape"))


def _modules() -> Iterator[str]:
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py"):
            yield path


def _named(error: BaseException | None) -> Iterator[str]:
    """The files of a traceback, and the one that has a syntax error."""
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename:
            yield error.filename
        frame = error.__traceback__
        while frame is not None:
            yield frame.tb_frame.f_code.co_filename
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
