"""An application of 100 MiB: half of it one block, half small objects as a program has them. Each request looks at a
few of the objects, which writes to their reference counts: all in all at a tenth of them, however many requests come."""

import itertools

BLOCK = bytes(range(256)) * (50 << 12)
# About 512 bytes each with its key, so 50 MiB in all.
RECORDS = {f"record-{i:06}": {"id": i, "name": f"name {i}", "tags": [f"tag {i}"]} for i in range(92_000)}
KEYS = list(RECORDS)[:9_200]
PER_REQUEST = 10
turn = itertools.count()


def application(environ, start_response):
    first = next(turn) * PER_REQUEST % len(KEYS)
    seen = [RECORDS[key]["id"] for key in KEYS[first:first + PER_REQUEST]]
    body = b"Hello, World!\n" if len(seen) == PER_REQUEST else b"?\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
