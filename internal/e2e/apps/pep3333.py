"""One application for the tests of PEP 3333, rule by rule. Each path is one behaviour; the tests say what must come
of it. What only the application can see is noted in RECORDS and asked for by /records."""
import json
from urllib.parse import parse_qs

from pep3333_tools import PATHS, RECORDS, TEXT

import pep3333_body  # noqa: F401  each import registers its paths
import pep3333_environ  # noqa: F401
import pep3333_start  # noqa: F401


def application(environ, start_response):
    query = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).items()}
    RECORDS.setdefault("calls", []).append(environ["PATH_INFO"])
    case = PATHS.get(environ["PATH_INFO"])
    if case is None:
        start_response("404 Not Found", TEXT)
        return [b"no such case"]
    return case(environ, start_response, query)


def records(environ, start_response, query):
    body = json.dumps(RECORDS.get(query["key"], [])).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


PATHS["/records"] = records
