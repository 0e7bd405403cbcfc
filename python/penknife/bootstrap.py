"""First code in the interpreter that penknife was told to use. Must parse under every Python, 2.7 included.

File descriptors, all given by Go: 0 /dev/null, 1 and 2 pipes into the log, 3 control socket, 4 this package as a
zip, 5 the accelerator, 6 queue memory, 7 its eventfd, 8 memory for request bodies,
9 lifeline.
"""
import os
import sys

CONTROL_FD = 3
PACKAGE_PATH = "/proc/self/fd/4"
REFUSED_STATUS = 4
OLDEST = (3, 10)


def complaint(version, name, free_threaded, executable):
    """Say why this interpreter cannot be used; None when it can."""
    running = "%s is %s %d.%d.%d" % ((executable or "the interpreter", name) + tuple(version[:3]))
    if name != "CPython":
        return "penknife needs CPython %d.%d or newer; %s" % (OLDEST + (running,))
    if tuple(version[:2]) < OLDEST:
        return "penknife needs CPython %d.%d or newer; %s" % (OLDEST + (running,))
    if free_threaded:
        return "penknife needs CPython with the GIL; %s, a free-threaded build" % running
    return None


def own_complaint():
    name = "CPython"
    if getattr(sys, "implementation", None) is None or sys.implementation.name != "cpython":
        import platform  # its memory would be each worker's

        name = platform.python_implementation()
    free_threaded = "t" in getattr(sys, "abiflags", "")  # PEP 703; sysconfig says so as well, and loads a large table
    return complaint(sys.version_info, name, free_threaded, sys.executable)


def refuse(text):
    """Tell Go that this interpreter cannot be used, and end."""
    message = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    os.write(CONTROL_FD, b"I" + message[:60000])
    os._exit(REFUSED_STATUS)


def main():
    """Be the zygote; go on as a worker in the processes that it forks."""
    os.write(CONTROL_FD, b"H")  # what was started is a Python: whatever happens now is not the wrong executable
    # "python -c" has put the current directory on sys.path. Until our own imports are done it must not be
    # there, or an application's queue.py would be taken for the standard library's.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
    problem = own_complaint()
    if problem:
        refuse(problem)
    try:
        from penknife import zygote
    except Exception as error:
        import traceback

        refuse("%s cannot load penknife's own modules: %s\n%s" % (sys.executable, error, traceback.format_exc()))
    sys.path.remove(PACKAGE_PATH)
    worker = zygote.main()
    sys.exit(worker.main())
