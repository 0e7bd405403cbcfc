"""Ends children with the signal of the path while they are being born, as multiprocessing.Pool does when its work is done at once.
Answers how many of them it did not end."""
import os
import signal
import time


def app(environ, start_response):
    number = getattr(signal, environ["PATH_INFO"].strip("/"))
    children = [ended_child(number) for _ in range(40)]
    end = time.monotonic() + 5
    while children and time.monotonic() < end:
        children = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]
        time.sleep(0.01)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d left\n" % len(children)]


def ended_child(number):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(1)
    os.kill(child, number)
    return child
