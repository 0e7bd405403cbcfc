"""Metrics of the application, on penknife's /metrics, summed over all workers, without files:

    from penknife import metrics

    ORDERS = metrics.Counter("shop_orders_total", "Orders that were placed.", ["country"])
    ORDERS.labels("ch").inc()

The names and arguments are those of prometheus_client, of which nothing is needed. What is counted lies in memory that
penknife keeps and the workers share: counting is an atomic addition there, without a call, and survives recycling and
reloads. An application that uses prometheus_client already calls bridge() instead.

Making a metric may raise ValueError; counting never raises but for misuse. Over a limit (app_metrics.*), or where no penknife
can be asked, what is counted is dropped; penknife's log says so, and in the other case this process's logging does. In a
process that `penknife exec` has started, counting is a call each time. docs/python-metrics.md
"""
from __future__ import annotations

import os
import struct
import threading
import time
from bisect import bisect_left

import penknife
from penknife import calls

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Iterable, Sequence, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Counter", "DEFAULT_BUCKETS", "Gauge", "Histogram", "Summary", "bridge"]

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of a Histogram in seconds, unless it names others; those of prometheus_client."""

# Kinds, as in appcalls/series/definition.go.
_COUNTER, _GAUGE, _HISTOGRAM, _SUMMARY, _LIVESUM, _LIVEMIN, _LIVEMAX, _LIVEALL = range(1, 9)

_MODES = {
    "shared": _GAUGE, "mostrecent": _GAUGE, "livemostrecent": _GAUGE, "livesum": _LIVESUM, "livemin": _LIVEMIN,
    "livemax": _LIVEMAX, "liveall": _LIVEALL,
}

_NOWHERE = -1  # a cell that takes everything and keeps nothing
_PAUSE = 30.0  # seconds before a series is asked for again after penknife could not give it
_SOON = 1.0  # the same outside of the workers, when there was no penknife: it may be restarting
_WORKER = calls.accelerator() is not None
_READ, _ADD, _SET = range(1, 4)  # what a call does to a cell, as in appcalls/series/count.go

_lock = threading.Lock()
_defined: dict[str, tuple[Any, ...]] = {}  # definition by name, to find two that differ
_warned = False


def _warn(error: Exception) -> None:
    """Say once for each process that nothing is counted."""
    global _warned
    if not _warned:
        _warned = True
        import logging

        logging.getLogger("penknife.metrics").warning("metrics are not counted in this process: %s", error)


class Definition:
    """One metric in the penknife process. place() finds the cells of its series."""

    def __init__(
        self, kind: int, name: str, documentation: str, labelnames: tuple[str, ...] = (), bounds: tuple[float, ...] = ()
    ) -> None:
        self.kind = kind
        self.name = name
        self._payload = (
            bytes((kind,)) + calls.blob(_text(name)) + calls.blob(_text(documentation))
            + calls.blobs(map(_text, labelnames)) + struct.pack(f"<I{len(bounds)}d", len(bounds), *bounds)
        )
        self._number: int | None = None
        self._wait = 0.0
        try:
            self._define()
        except penknife.SwitchedOff:
            self._wait = float("inf") if _WORKER else time.monotonic() + _PAUSE
        except penknife.PenknifeError as error:
            self._later(error)

    def _define(self) -> None:
        status, answer = _ask(calls.METRIC, self._payload)
        if status == calls.INVALID:
            raise ValueError(answer.decode("utf-8", "replace"))
        if status == calls.FULL:
            self._wait = time.monotonic() + _PAUSE
            return
        self._number = int.from_bytes(answer, "little")

    def _later(self, error: Exception) -> None:
        soon = not _WORKER and isinstance(error, penknife.NotRunning)
        self._wait = time.monotonic() + (_SOON if soon else _PAUSE)
        _warn(error)

    def place(self, values: Sequence[str]) -> int:
        """Give the first cell of a series; _NOWHERE when there is none, for a while or for ever. Never raises but
        ValueError for values that no label can have."""
        if time.monotonic() < self._wait:
            return _NOWHERE
        try:
            if self._number is None:
                self._define()
            if self._number is None:
                return _NOWHERE
            payload = struct.pack("<q", self._number) + calls.blobs(map(_text, values)) + struct.pack("<q", os.getpid())
            status, answer = _ask(calls.SERIES, payload)
            _open_cells()
        except penknife.PenknifeError as error:
            self._later(error)
            return _NOWHERE
        if status == calls.INVALID:
            raise ValueError(answer.decode("utf-8", "replace"))
        if status == calls.FULL:
            self._wait = time.monotonic() + _PAUSE
            return _NOWHERE
        return int.from_bytes(answer, "little")

    def count(self, values: Sequence[str], changes: Sequence[tuple[int, int, float]]) -> float:
        """Have penknife change cells of a series, and give the value of the last one; 0.0 when that cannot be."""
        if time.monotonic() < self._wait:
            return 0.0
        try:
            status, answer = self._count(values, changes)
        except penknife.PenknifeError as error:
            self._later(error)
            return 0.0
        if status == calls.INVALID:
            raise ValueError(answer.decode("utf-8", "replace"))
        if status != calls.OK:
            self._wait = time.monotonic() + _PAUSE
            return 0.0
        return float(struct.unpack("<d", answer)[0])

    def _count(self, values: Sequence[str], changes: Sequence[tuple[int, int, float]]) -> tuple[int, bytes]:
        for _attempt in range(2):
            if self._number is None:
                self._define()
            if self._number is None:
                break
            payload = (
                struct.pack("<q", self._number) + calls.blobs(map(_text, values)) + struct.pack("<qI", os.getpid(), len(changes))
                + b"".join([struct.pack("<Bqd", *change) for change in changes])
            )
            status, answer = calls.ask(calls.COUNT, payload, (calls.INVALID, calls.FULL, calls.STALE))
            if status != calls.STALE:
                return status, answer
            self._number = None  # another penknife answers now
        return calls.FULL, b""


def _ask(operation: int, payload: bytes) -> tuple[int, bytes]:
    """Call penknife, whose limits and rules are answers here and no exceptions."""
    return calls.ask(operation, payload, (calls.INVALID, calls.FULL))


def _open_cells() -> None:
    calls.check(*calls.reach(lambda accel: accel.cells_open(calls.CELLS, calls.timeout)))


def _text(value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


class Cell:
    """The place of one series, in this process or a child that it forks."""

    __slots__ = ("_definition", "_values", "_index", "_pid", "_accel")

    def __init__(self, definition: Definition, values: Sequence[str] = ()) -> None:
        self._definition = definition
        self._values = values
        self._accel = calls.accelerator()
        self._pid = 0  # of the process that the place is for; 0: of any
        self._index = _NOWHERE
        if definition.kind < _LIVESUM:  # what each process has for itself is made when it has something to say
            self._index = definition.place(values)

    def index(self) -> int:
        """Give the first cell; look for it again when there was none, or in another process."""
        if self._definition.kind >= _LIVESUM:
            pid = os.getpid()
            if pid != self._pid:
                self._index, self._pid = self._definition.place(self._values), pid
        if self._index == _NOWHERE:
            self._index = self._definition.place(self._values)
        return self._index

    def add(self, amount: float, offset: int = 0) -> None:
        index = self.index()
        if index != _NOWHERE:
            self._accel.cell_add(index + offset, amount)

    def set(self, value: float, offset: int = 0) -> None:
        index = self.index()
        if index != _NOWHERE:
            self._accel.cell_set(index + offset, value)

    def get(self, offset: int = 0) -> float:
        index = self.index()
        return 0.0 if index == _NOWHERE else self._accel.cell_get(index + offset)

    def observe(self, count: int, total: int, amount: float) -> None:
        """Add 1 to the cell at the offset count and amount to that at the offset total."""
        index = self.index()
        if index != _NOWHERE:
            self._accel.cell_observe(index + count, index + total, amount)


class RemoteCell:
    """As Cell, outside of the workers: each change is a call. Nothing is kept here, so penknife may be restarted."""

    __slots__ = ("_definition", "_values")

    _index = _NOWHERE

    def __init__(self, definition: Definition, values: Sequence[str] = ()) -> None:
        self._definition = definition
        self._values = values

    def add(self, amount: float, offset: int = 0) -> None:
        self._definition.count(self._values, ((_ADD, offset, amount),))

    def set(self, value: float, offset: int = 0) -> None:
        self._definition.count(self._values, ((_SET, offset, value),))

    def get(self, offset: int = 0) -> float:
        return self._definition.count(self._values, ((_READ, offset, 0.0),))

    def observe(self, count: int, total: int, amount: float) -> None:
        self._definition.count(self._values, ((_ADD, total, amount), (_ADD, count, 1.0)))


def cell(definition: Definition, values: Sequence[str] = ()) -> Any:
    """Give the place of a series, of the kind that this process can have."""
    return Cell(definition, values) if _WORKER else RemoteCell(definition, values)


class _Metric:
    """What all have in common: a name, labels, and a child for each combination of their values."""

    _kind = _GAUGE
    _suffix = ""

    def __init__(
        self, name: str, documentation: str, labelnames: Iterable[str] = (), namespace: str = "", subsystem: str = "",
        unit: str = "", bounds: tuple[float, ...] = (),
    ) -> None:
        self._name = _full_name(name, namespace, subsystem, unit, self._suffix)
        self._labelnames = (labelnames,) if isinstance(labelnames, str) else tuple(labelnames)
        self._bounds = bounds
        self._children: dict[tuple[str, ...], Any] = {}
        about = (self._kind, documentation, self._labelnames, bounds)
        with _lock:
            known = _defined.get(self._name)
            if known is not None and known != about:
                raise ValueError(f"there is another metric {self._name}, with other labels, buckets or text")
            self._definition = Definition(self._kind, self._name, documentation, self._labelnames, bounds)
            _defined[self._name] = about
        self._cell = cell(self._definition) if not self._labelnames else None

    def labels(self, *values: object, **named: object) -> Any:
        """Give the metric for these values of its labels, in their order or by name. Anything counts by its str()."""
        if named:
            if values or sorted(named) != sorted(self._labelnames):
                raise ValueError(f"{self._name} has the labels {self._labelnames}")
            values = tuple(named[label] for label in self._labelnames)
        key = tuple([value if type(value) is str else str(value) for value in values])
        child = self._children.get(key)
        if child is not None:
            return child
        if not self._labelnames or len(key) != len(self._labelnames):
            raise ValueError(f"{self._name} has the labels {self._labelnames}, not {len(key)}")
        child = object.__new__(type(self))
        child.__dict__.update(self.__dict__, _labelnames=(), _children={}, _cell=cell(self._definition, key))
        if child._cell._index != _NOWHERE or self._kind >= _LIVESUM:
            self._children[key] = child  # one that has no place is not kept: there could be any number of them
        return child

    def _own(self) -> Any:
        if self._cell is None:
            raise ValueError(f"{self._name} has labels: call labels() first")
        return self._cell


def _full_name(name: str, namespace: str, subsystem: str, unit: str, suffix: str) -> str:
    name = "_".join(part for part in (namespace, subsystem, name) if part)
    if suffix and name.endswith(suffix):
        name = name[: -len(suffix)]
    if unit and not name.endswith("_" + unit):
        name += "_" + unit
    return name + suffix


class Counter(_Metric):
    """A number that only grows. Its name ends with _total; that is added where it is missing."""

    _kind = _COUNTER
    _suffix = "_total"

    def inc(self, amount: float = 1) -> None:
        """Add amount, which is not negative."""
        if amount < 0:
            raise ValueError("a counter only grows")
        self._own().add(amount)

    def count_exceptions(self, exception: Any = Exception) -> _Watch:
        """Count what a with block or a decorated function raises."""
        self._own()
        return _Watch(lambda watch, error: self.inc() if isinstance(error, exception) else None)

    def get(self) -> float:
        """The value, over all processes."""
        return self._own().get()


class Gauge(_Metric):
    """A number that goes up and down.

    mode says what several processes make of it: "shared" (the default) is one number for all of them, where the last
    set() wins and inc() and dec() add up; what a process that was killed has added stays. With "livesum", "livemin",
    "livemax" and "liveall" each process has its own, and those of living processes are shown: their sum, the least, the
    greatest, or each with the label pid.
    """

    def __init__(
        self, name: str, documentation: str, labelnames: Iterable[str] = (), namespace: str = "", subsystem: str = "",
        unit: str = "", mode: str = "shared",
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"the modes of a gauge are {', '.join(_MODES)}; not {mode!r}")
        self._kind = _MODES[mode]
        super().__init__(name, documentation, labelnames, namespace, subsystem, unit)

    def inc(self, amount: float = 1) -> None:
        self._own().add(amount)

    def dec(self, amount: float = 1) -> None:
        self._own().add(-amount)

    def set(self, value: float) -> None:
        self._own().set(value)

    def set_to_current_time(self) -> None:
        self.set(time.time())

    def get(self) -> float:
        """The value; of this process, if each has its own."""
        return self._own().get()

    def time(self) -> _Watch:
        """Set it to the seconds that a with block or a decorated function took."""
        self._own()
        return _Watch(lambda watch, error: self.set(watch.seconds))

    def track_inprogress(self) -> _Watch:
        """Count how many are in a with block or a decorated function. With mode "livesum", a process that dies in the
        middle takes its part along."""
        self._own()
        return _Watch(lambda watch, error: self.dec(), self.inc)


class Histogram(_Metric):
    """Counts observations in buckets with the upper bounds `buckets`, and their sum."""

    _kind = _HISTOGRAM

    def __init__(
        self, name: str, documentation: str, labelnames: Iterable[str] = (), namespace: str = "", subsystem: str = "",
        unit: str = "", buckets: Iterable[float] = DEFAULT_BUCKETS,
    ) -> None:
        bounds = tuple(float(bound) for bound in buckets)
        super().__init__(
            name, documentation, labelnames, namespace, subsystem, unit,
            bounds[:-1] if bounds[-1:] == (float("inf"),) else bounds,
        )

    def observe(self, amount: float) -> None:
        """Count amount in the first bucket whose bound is not below it."""
        bounds = self._bounds
        self._own().observe(bisect_left(bounds, amount), len(bounds) + 1, amount)

    def time(self) -> _Watch:
        """Observe the seconds that a with block or a decorated function took."""
        self._own()
        return _Watch(lambda watch, error: self.observe(watch.seconds))


class Summary(_Metric):
    """Counts observations and their sum; it has no quantiles."""

    _kind = _SUMMARY

    def observe(self, amount: float) -> None:
        self._own().observe(0, 1, amount)

    def time(self) -> _Watch:
        """Observe the seconds that a with block or a decorated function took."""
        self._own()
        return _Watch(lambda watch, error: self.observe(watch.seconds))


class _Watch:
    """A with block or a decorator around something that is counted. It can be used once at a time in a with block, and
    by any number of threads as a decorator."""

    def __init__(
        self, after: Callable[[_Watch, BaseException | None], object], before: Callable[[], object] | None = None
    ) -> None:
        self._after, self._before = after, before
        self.seconds = 0.0

    def __enter__(self) -> _Watch:
        if self._before is not None:
            self._before()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        self._after(self, error)

    def __call__(self, function: F) -> F:
        import functools

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with _Watch(self._after, self._before):
                return function(*args, **kwargs)

        return counted  # type: ignore[return-value]


def bridge() -> None:
    """Show the metrics that prometheus_client makes on penknife's /metrics, summed over all workers.

    To be called before they are made; those in the default registry that are there already are moved, from 0. Counter,
    Gauge, Histogram and Summary are shown; Info, Enum, and what a custom collector gives are not. A gauge follows its
    multiprocess_mode, of which only living processes count. Without penknife it does nothing but to say so.
    """
    from penknife import prometheus

    prometheus.install()
