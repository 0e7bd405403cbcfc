"""Where metrics of prometheus_client keep their numbers, once penknife.metrics.bridge() was called: in penknife's cells
instead of this process. prometheus_client asks values.ValueClass for a place for each number of a metric."""
from __future__ import annotations

from prometheus_client import registry, values

from penknife import calls, metrics

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any

# What becomes of a gauge's multiprocess_mode: the values of processes that have ended are never shown.
_MODES = {"all": "liveall", "sum": "livesum", "min": "livemin", "max": "livemax"}

_KINDS = {"counter": metrics._COUNTER, "histogram": metrics._HISTOGRAM, "summary": metrics._SUMMARY}


class _Place:
    """The cells of one series of a metric. Its definition is complete when prometheus_client has asked for all parts."""

    def __init__(self, kind: int, name: str, text: str, labels: tuple[str, ...], row: tuple[str, ...]) -> None:
        self._about = (kind, name, text, labels)
        self._row = row
        self.bounds: list[float] = []
        self._cell: Any = None

    def cell(self) -> Any:
        if self._cell is None:
            kind, name, text, labels = self._about
            key = (*self._about, tuple(self.bounds))
            definition = _definitions.get(key)
            if definition is None:
                definition = metrics.Definition(kind, name, text, labels, tuple(self.bounds))
                _definitions[key] = definition
            self._cell = metrics.cell(definition, self._row)
        return self._cell


_definitions: dict[tuple[Any, ...], metrics.Definition] = {}
_open: dict[tuple[str, tuple[str, ...]], _Place] = {}  # of histograms and summaries of which not all parts are known


class Value:
    """One number. The protocol is that of prometheus_client's MmapedValue."""

    _multiprocess = True

    def __init__(
        self, typ: str, metric_name: str, name: str, labelnames: Any, labelvalues: Any, help_text: str,
        multiprocess_mode: str = "", **kwargs: Any,
    ) -> None:
        labels, row = tuple(labelnames), tuple(labelvalues)
        self._offset = 0  # of the cell in its series; -1 is the last: the sum of a histogram
        if typ == "histogram":
            self._histogram(metric_name, name, labels, row, help_text)
        elif typ == "summary":
            self._summary(metric_name, name, labels, row, help_text)
        else:
            kind = _KINDS.get(typ) or metrics._MODES[_MODES.get(multiprocess_mode, multiprocess_mode or "shared")]
            self._place = _Place(kind, name, help_text, labels, row)
            self._place.cell()

    def _histogram(self, metric: str, name: str, labels: tuple[str, ...], row: tuple[str, ...], text: str) -> None:
        if name != metric + "_bucket":  # the sum, which comes first
            self._place = _open[metric, row] = _Place(metrics._HISTOGRAM, metric, text, labels, row)
            self._offset = -1
            return
        bound = float(row[-1])
        self._place = _open[metric, row[:-1]]
        self._offset = len(self._place.bounds)
        if bound == float("inf"):
            del _open[metric, row[:-1]]
            self._place.cell()
        else:
            self._place.bounds.append(bound)

    def _summary(self, metric: str, name: str, labels: tuple[str, ...], row: tuple[str, ...], text: str) -> None:
        if name == metric + "_count":
            self._place = _open[metric, row] = _Place(metrics._SUMMARY, metric, text, labels, row)
            return
        self._place = _open.pop((metric, row))
        self._offset = 1
        self._place.cell()

    def _at(self) -> int:
        return len(self._place.bounds) + 1 if self._offset < 0 else self._offset

    def inc(self, amount: float) -> None:
        self._place.cell().add(amount, self._at())

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._place.cell().set(value, self._at())

    def get(self) -> float:
        return self._place.cell().get(self._at())

    def set_exemplar(self, exemplar: Any) -> None:
        """Exemplars are not kept, as in prometheus_client's own mode for several processes."""

    def get_exemplar(self) -> None:
        return None


def install() -> None:
    """Have every metric that is made from now on, and those of the default registry, count in penknife."""
    if values.ValueClass is Value:
        return
    if calls.accelerator() is None:
        from penknife import outside

        if not outside.configured():
            import logging

            logging.getLogger("penknife.metrics").warning("no bridge: %s", outside.STRANGER)
            return
    values.ValueClass = Value
    for collector in list(getattr(registry.REGISTRY, "_collector_to_names", ())):
        _move(collector)


def _move(collector: Any) -> None:
    """Let a metric that was made before ask for its numbers' places again."""
    if not hasattr(collector, "_metric_init") or getattr(collector, "_type", "") not in ("gauge", *_KINDS):
        return
    if collector._is_observable():
        collector._metric_init()
    for child in list(getattr(collector, "_metrics", {}).values()):
        child._metric_init()
