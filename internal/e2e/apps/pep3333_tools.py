"""What the cases share."""
import json

TEXT = [("Content-Type", "text/plain")]
PATHS = {}
RECORDS = {}


def case(path):
    """Registers a case(environ, start_response, query)."""
    def register(function):
        PATHS[path] = function
        return function
    return register


def record(query, what):
    RECORDS.setdefault(query.get("key", "none"), []).append(what)


def wait_at(gate):
    """Waits until the test lets one pass."""
    with open(gate, "rb", buffering=0) as fifo:
        fifo.read(1)


def answer_json(start_response, value):
    body = json.dumps(value).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class Closing:
    """An iterable that notes its close()."""

    def __init__(self, query, iterable):
        self.query = query
        self.iterator = iter(iterable)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.iterator)

    def close(self):
        record(self.query, "close")
