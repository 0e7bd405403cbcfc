"""Hangs in the way that the path names, and remembers how it came out of it."""
import json
import os
import queue
import socket
import subprocess
import threading
import time

held = threading.Lock()
held.acquire()
pair = socket.socketpair()
cleaned, swallowed, after = [], [], []


def spin():
    while True:
        pass


WAYS = {
    "/sleep": lambda: time.sleep(3600),
    "/loop": spin,
    "/lock": held.acquire,
    "/recv": lambda: pair[0].recv(1),
    "/queue": queue.Queue().get,
    "/child": lambda: subprocess.run(["sleep", "3600"]),
}


def hang(way):
    try:
        WAYS[way]()
    except Exception as error:  # as frameworks do
        swallowed.append(repr(error))
    finally:
        cleaned.append(way)


def stubborn():
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass


def ticks(count):
    """Blocks that are nearer to each other than the time limit."""
    for n in range(count):
        time.sleep(0.1)
        yield b"tick\n"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path in WAYS:
        hang(path)
        after.append(path)
    if path == "/stubborn":
        stubborn()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    if path == "/ticks":
        return ticks(15)
    return [json.dumps({"pid": os.getpid(), "cleaned": cleaned, "swallowed": swallowed, "after": after}).encode()]
