"""Tracebacks as the application's author wants them: without penknife's frames."""
from __future__ import annotations

import os

TYPE_CHECKING = False  # as in typing; modules that only errors need are imported when there is one
if TYPE_CHECKING:
    import traceback

# Where this package's files claim to be: inside the zip, or in a checkout when tests import it from there.
_PACKAGE = os.path.dirname(__file__) + os.sep


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
        return "".join(report.format())
    except Exception as trouble:  # an exception whose own methods fail
        return f"{type(error).__name__} (cannot be formatted: {type(trouble).__name__})\n"


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
