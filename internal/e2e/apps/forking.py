"""Forks in a request; the query says how the child ends, the answer how its parent saw it end."""
import atexit
import os
import sys

SEEN = os.environ["FORKING_SEEN"]


def note(text):
    with open(SEEN, "a") as file:
        file.write(f"{text}\n")


def leave(how):
    if how == "raise":
        raise ValueError("the child cannot go on")
    if how != "answer":
        sys.exit({"none": None, "text": "the child has a reason"}.get(how) if not how.isdigit() else int(how))


class Answer:
    """An answer whose close() forks."""

    def __init__(self, how):
        self.how = how

    def __iter__(self):
        return iter([b"closing"])

    def close(self):
        pid = os.fork()
        if pid == 0:
            leave(self.how)
            return
        note(f"closed {self.how} {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


def application(environ, start_response):
    how, path = environ["QUERY_STRING"], environ["PATH_INFO"]
    if path == "/close":
        start_response("200 OK", [])
        return Answer(how)
    pid = 0 if path == "/plain" else os.fork()
    if path == "/fork" and pid == 0:
        atexit.register(note, f"atexit {how}")
        # As a framework answers for what its views raise.
        start_response("500 Child", [("X-Child", "yes")])
        leave(how)
        return [b"child"]
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else "none"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(status).encode()]
