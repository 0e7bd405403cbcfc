"""Prints a thread's number and what this interpreter's faulthandler writes, for TestStackOf. The file names are made up."""
import _thread
import faulthandler
import sys
import tempfile

application = """
import _thread
lock = _thread.allocate_lock()
lock.acquire()
def inner():
    lock.acquire()
def view():
    inner()
"""
server = """
def _serve(started):
    started.append(_thread.get_ident())
    view()
"""
names = {"_thread": _thread}
exec(compile(application, "/srv/app/views.py", "exec"), names)
exec(compile(server, "/proc/self/fd/4/penknife/worker.py", "exec"), names)
started = []
_thread.start_new_thread(names["_serve"], (started,))
sys.setswitchinterval(0.001)
with tempfile.TemporaryFile() as file:
    text = b""
    while b"in inner" not in text:
        file.seek(0)
        file.truncate()
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        text = file.read()
print("%x" % started[0])
print(text.decode().replace(__file__, "/srv/main.py"), end="")
