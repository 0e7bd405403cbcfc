"""chaos.application, and /leave: an answer of n blocks that notes when it is closed."""
import os

import chaos


class Blocks:
    def __init__(self, number, count):
        self.number, self.count = number, count

    def __iter__(self):
        for _ in range(self.count):
            yield bytes(range(256)) * 16

    def close(self):
        chaos.note("-", self.number)


def application(environ, start_response):
    if environ["PATH_INFO"] != "/leave":
        return chaos.application(environ, start_response)
    query = dict(part.split("=") for part in environ["QUERY_STRING"].split("&"))
    chaos.note("+", query["id"])
    environ["wsgi.input"].read()
    start_response("200 OK", [chaos.TYPE, ("X-Pid", str(os.getpid()))])
    return Blocks(query["id"], int(query["n"]))
