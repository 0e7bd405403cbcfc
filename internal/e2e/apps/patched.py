"""Puts other functions in the place of the standard library's, as monkey.patch_all of gevent does: a fork whose child nobody
but an event loop can wait for, and threads that run only when such a loop runs. Nobody runs one here."""
import _thread
import os
import threading

_forked = set()
_fork, _waitpid = os.fork, os.waitpid


def fork():
    pid = _fork()
    if pid:
        _forked.add(pid)
    return pid


def waitpid(pid, options):
    if pid in _forked:
        _lock.acquire()  # until the loop says that the child has ended
    return _waitpid(pid, options)


def start_new_thread(*_arguments):
    return 0


_lock = threading.Lock()
_lock.acquire()
os.fork, os.waitpid = fork, waitpid
_thread.start_new_thread = threading._start_new_thread = start_new_thread


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"patched\n"]
