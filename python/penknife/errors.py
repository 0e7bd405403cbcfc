"""Tracebacks as the application's author wants them: without penknife's frames."""
from __future__ import annotations

import os

TYPE_CHECKING = False  # as in typing; modules that only errors need are imported when there is one
if TYPE_CHECKING:
    import traceback

# Where this package's files claim to be: inside the zip, or in a checkout when tests import it from there.
_PACKAGE = os.path.dirname(__file__) + os.sep


_UWSGI_ONLY = {
    "uwsgi": "make the import optional; penknife.cache has the cache, penknife.metrics the metrics, and the keys"
    " `daemons` and `cron` replace mules and timers",
    "uwsgidecorators": "use the keys `cron` and `daemons` for timers and mules, and a task queue for the spooler",
}


class LoadError(Exception):
    """The application cannot be found or used. Its text is complete: no traceback belongs to it."""


def is_ours(filename: str) -> bool:
    """Tell whether a frame belongs to penknife or to the import machinery between it and the application."""
    return filename.startswith(_PACKAGE) or filename.startswith("<frozen importlib")


def format_exception(error: BaseException) -> str:
    """Format error as Python would, chained exceptions included, without our frames. Never raises."""
    if isinstance(error, LoadError):
        return str(error)
    try:
        import traceback

        report = traceback.TracebackException(type(error), error, error.__traceback__)
        _strip(report)
        return "".join(report.format()) + _advice(error)
    except Exception as trouble:  # an exception whose own methods fail
        return f"{type(error).__name__} (cannot be formatted: {type(trouble).__name__})\n"


def _advice(error: BaseException) -> str:
    """What to do about an exception that only the change of servers has caused; "" for all others."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ModuleNotFoundError) and link.name in _UWSGI_ONLY:
            return f"{link.name} exists inside uWSGI only: {_UWSGI_ONLY[link.name]} (docs/migrating.md)\n"
        link = link.__cause__
    return ""


def user_frames(error: BaseException) -> int:
    """Count the frames of error's traceback that are not ours."""
    count, link = 0, error.__traceback__
    while link is not None:
        count += not is_ours(link.tb_frame.f_code.co_filename)
        link = link.tb_next
    return count


def _strip(top: traceback.TracebackException) -> None:
    import traceback

    todo: list[traceback.TracebackException] = [top]
    while todo:
        report = todo.pop()
        kept = [frame for frame in report.stack if not is_ours(frame.filename)]
        report.stack = traceback.StackSummary.from_list(kept)
        todo += [linked for linked in (report.__cause__, report.__context__) if linked is not None]
        todo += getattr(report, "exceptions", None) or []  # exception groups, 3.11
