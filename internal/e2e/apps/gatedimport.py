"""Waits at the FIFO that the file named by GATED names, when it is imported; an empty file is no gate."""
import os

with open(os.environ["GATED"]) as file:
    GATE = file.read().strip()
if GATE:
    print("waiting at the gate", flush=True)
    with open(GATE, "rb") as fifo:
        fifo.read(1)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [b"1\n"]
