"""The application of the process tests. What it does is chosen by PATH_INFO."""
import atexit
import ctypes
import os
import subprocess
import sys
import time

IMPORTED_IN = os.getpid()


@atexit.register
def goodbye():
    print("goodbye", flush=True)


def answer(start_response, text, status="200 OK"):
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def hang():
    while True:
        time.sleep(3600)


def spin():
    while True:
        pass


def stubborn():
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/pid":
        return answer(start_response, str(os.getpid()))
    if path == "/about":
        import penknife

        facts = [os.environ["PENKNIFE_WORKER"], sys.argv[0], sys.path[0], penknife.__name__, str(IMPORTED_IN == os.getpid()),
                 os.environ.get("COLOUR", ""), str(environ["wsgi.multiprocess"]), str(environ["wsgi.multithread"])]
        return answer(start_response, "\n".join(facts))
    if path == "/body":
        data = environ["wsgi.input"].read()
        return answer(start_response, f"{environ['CONTENT_LENGTH']} {len(data)} {data[:3].decode()}")
    if path == "/exit":
        os._exit(int(environ["QUERY_STRING"]))
    if path == "/signal":
        os.kill(os.getpid(), int(environ["QUERY_STRING"]))
        return answer(start_response, "survived")
    if path == "/segfault":
        ctypes.string_at(0)
    if path == "/slow":
        print("slow-begins")
        time.sleep(0.5)
        return answer(start_response, "slow")
    if path == "/gate":
        print("gate-reached")
        with open(environ["QUERY_STRING"], "rb", buffering=0) as gate:
            gate.read(1)
        return answer(start_response, os.environ.get("COLOUR", ""))
    if path == "/colour":
        return answer(start_response, os.environ.get("COLOUR", ""))
    if path == "/hang":
        hang()
    if path == "/spin":
        spin()
    if path == "/stubborn":
        stubborn()
    if path == "/say":
        print("said with print")
        os.write(1, b"written to 1\n")
        sys.stderr.write("written to stderr\nincomplete")
        sys.stderr.flush()
        return answer(start_response, "ok")
    if path == "/children":
        in_group = subprocess.Popen(["sleep", "1000"])
        # double fork: an orphan for penknife to adopt
        subprocess.run(["sh", "-c", "true & exec true"], check=True)
        return answer(start_response, str(in_group.pid))
    if path == "/terminate-child":
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, b"!")
            hang()
        os.read(reader, 1)  # Python forgets signals that come while it forks
        os.kill(child, 15)
        _, status = os.waitpid(child, 0)
        return answer(start_response, str(os.WTERMSIG(status)))
    return answer(start_response, "not found", "404 Not Found")


def factory():
    return application
