"""The names of what is measured beside requests per second: the memory of many workers, an idle server, allocations.

Their cases are named memory or memory@WORKERS, idle, and allocs. watching.py measures them.
"""

import re
from dataclasses import dataclass

MEMORY_WORKERS = 8
NAME = re.compile(r"(memory|idle|allocs)(?:@([1-9]\d*))?")

# The servers of a kind are those of these cases; seconds are about what a server of it takes, and all of them.
KINDS = {
    "memory": (("http-memory@64",), 4.0, 4.0),
    "idle": (("http-hello",), 0.3, 17.0),
    "allocs": (("http-allocs", "nginx-allocs"), 30.0, 4.0),
}
# Key, title, and how it is written.
COLUMNS = {
    "memory": (("mib", "PSS MiB", "{:.1f}"), ("processes", "processes", "{:.0f}")),
    "idle": (("cpu_percent", "CPU %", "{:.3f}"), ("wakes", "wake-ups/s", "{:.1f}"), ("mib", "PSS MiB", "{:.1f}")),
    "allocs": (("objects", "Go objects/request", "{:.4f}"), ("requests", "requests", "{:,.0f}")),
}


@dataclass(frozen=True)
class Extra:
    """A case of another kind. workers is 0 where the run's processes are meant."""

    name: str
    kind: str
    workers: int

    @property
    def bases(self):
        """The cases whose servers are started."""
        return KINDS[self.kind][0]

    def seconds(self, servers):
        """About how long it takes with so many servers."""
        return servers * KINDS[self.kind][1] + KINDS[self.kind][2]


def parse(name):
    """A case of another kind by its name, None if it is none."""
    found = NAME.fullmatch(name)
    if not found or (found[2] and found[1] != "memory"):
        return None
    return Extra(name, found[1], int(found[2] or MEMORY_WORKERS) if found[1] == "memory" else 0)
