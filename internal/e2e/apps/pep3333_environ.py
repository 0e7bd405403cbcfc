"""Cases about environ, wsgi.input and wsgi.errors: rules 2 to 21."""
import json
import sys
import threading

from pep3333_tools import answer_json, case, record, TEXT


@case("/environ")
def show(environ, start_response, query):
    """Strings as they are; everything else with its type's name before its repr."""
    return answer_json(start_response, {
        k: v if type(v) is str else type(v).__name__ + ":" + repr(v) for k, v in environ.items()})


@case("/environ/type")
def kind(environ, start_response, query):
    before = len(environ)
    environ["test.mutated"] = "yes"
    environ.pop("REQUEST_METHOD")
    environ["wsgi.version"] = "spoiled"
    environ["PATH_INFO"] = "/spoiled"
    record(query, [type(environ) is dict, before])
    return answer_json(start_response, type(environ) is dict)


@case("/environ/clear")
def clear(environ, start_response, query):
    environ.clear()
    return answer_json(start_response, True)


@case("/environ/strings")
def strings(environ, start_response, query):
    """Lists every CGI variable that is no str of code points up to 255."""
    wrong = [k for k, v in environ.items()
             if type(k) is not str or max(map(ord, k)) > 255
             or (not k.startswith(("wsgi.", "penknife.")) and (type(v) is not str or any(ord(c) > 255 for c in v)))]
    return answer_json(start_response, wrong)


@case("/input/kinds")
def kinds(environ, start_response, query):
    source = environ["wsgi.input"]
    got = {
        "read": source.read(3),
        "readline": source.readline(),
        "readline_sized": source.readline(2),
        "readline_rest": source.readline(100),
        "readlines": source.readlines(1)[:1],
    }
    got["iterated"] = list(source)
    got["end"] = source.read(1)
    wrong = [k for k, v in got.items() if type(v) is not bytes and any(type(x) is not bytes for x in v)]
    return answer_json(start_response, {
        "wrong": wrong,
        **{k: v.decode("latin-1") if type(v) is bytes else [x.decode("latin-1") for x in v] for k, v in got.items()}})


@case("/input/end")
def end(environ, start_response, query):
    """Reads past the end in every way; none may wait or give anything."""
    source = environ["wsgi.input"]
    body = source.read(1 << 20)
    after = [source.read(1), source.read(), source.read(0), source.readline(), source.readline(5),
             b"".join(source.readlines()), b"".join(source), source.read(-1)]
    return answer_json(start_response, {"body": body.decode("latin-1"), "after": [x.decode("latin-1") for x in after]})


@case("/input/rest")
def rest(environ, start_response, query):
    source = environ["wsgi.input"]
    first = source.read(4)
    return answer_json(start_response, [first.decode("latin-1"), source.read().decode("latin-1")])


@case("/input/negative")
def negative(environ, start_response, query):
    return answer_json(start_response, environ["wsgi.input"].read(-1).decode("latin-1"))


@case("/input/ignored")
def ignored(environ, start_response, query):
    return answer_json(start_response, "ignored")


@case("/errors")
def errors(environ, start_response, query):
    stream = environ["wsgi.errors"]
    stream.write("written-line-%s\n" % query["key"])
    stream.writelines(["first-of-two-%s\n" % query["key"], "second-of-two-%s\n" % query["key"]])
    stream.write("snow \u2603 and smile \U0001f600 and half \ud800 and nul \x00 %s\n" % query["key"])
    stream.write("two parts ")
    stream.write("of one line %s\n" % query["key"])
    print("printed to errors %s" % query["key"], file=stream)
    stream.flush()
    try:
        stream.write(b"bytes")
        refused = False
    except TypeError:
        refused = True
    return answer_json(start_response, {"refused": refused, "flush": stream.flush() is None})


running = 0
most = 0
lock = threading.Lock()


@case("/concurrency")
def concurrency(environ, start_response, query):
    """Counts how many calls run at once; a system call gives others the chance to."""
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    with open("/proc/self/status", "rb") as file:
        for _ in range(200):
            file.seek(0)
            file.read()
    with lock:
        running -= 1
    return answer_json(start_response, most)


barrier = threading.Barrier(2, timeout=10)


@case("/barrier")
def meet(environ, start_response, query):
    """Two calls meet here, which only two threads can."""
    barrier.wait()
    return answer_json(start_response, "met")


@case("/interpreter")
def interpreter(environ, start_response, query):
    start_response("200 OK", TEXT)
    return [json.dumps(sys.version_info[:2]).encode("ascii")]
