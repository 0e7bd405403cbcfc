"""Its import starts a thread that Python's threading does not know, as C libraries do. With FORKAWARE=yes it ends before each fork,
as the threads of OpenBLAS (numpy) do. With FORKAWARE=anew it has one of Python's that is started in each child, as
OpenTelemetry's are."""
import _thread
import os
import threading

stop, ended = _thread.allocate_lock(), _thread.allocate_lock()
stop.acquire()
ended.acquire()


def wait():
    stop.acquire()
    ended.release()


def end():
    global running
    if running:
        running = False
        stop.release()
        ended.acquire()


def start():
    threading.Thread(target=threading.Event().wait, name="anew", daemon=True).start()


running = True
if os.environ["FORKAWARE"] == "anew":
    start()
    os.register_at_fork(after_in_child=start)
else:
    _thread.start_new_thread(wait, ())
if os.environ["FORKAWARE"] == "yes":
    os.register_at_fork(before=end)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"forked\n"]
