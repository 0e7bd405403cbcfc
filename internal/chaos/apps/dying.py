"""Ways to end a process in the middle of a request."""
import ctypes
import os
import resource
import signal
import sys


def kill(query):
    os.kill(os.getpid(), int(query.get("signal", signal.SIGKILL)))
    signal.pause()  # a handled or ignored signal must not look like an answer


def leave(query):
    os._exit(int(query["code"]))


def segfault(query):
    ctypes.string_at(0)


def abort(query):
    os.abort()


def system_exit(query):
    sys.exit(3)


def interrupt(query):
    raise KeyboardInterrupt


def eat_memory(query):
    """Takes memory and touches it until somebody ends this: the kernel (a control group's limit)."""
    taken = []
    while True:
        taken.append(bytearray(os.urandom(4096)) * 256)


def limited_memory(query):
    """The same below a limit of the address space: Python gets no memory, and the request fails with MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), before[1]))
    try:
        eat_memory(query)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
