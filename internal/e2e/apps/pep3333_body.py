"""Cases about bodies: rules 31 to 39, 44 and 47 to 49."""
import io
import os
import tempfile

from pep3333_tools import Closing, TEXT, answer_json, case, record, wait_at


@case("/body/gated")
def gated(environ, start_response, query):
    def body():
        yield b"first"
        wait_at(query["gate"])
        yield b"second"
    start_response("200 OK", TEXT)
    return Closing(query, body())


@case("/body/write-gated")
def write_gated(environ, start_response, query):
    write = start_response("200 OK", TEXT)
    write(b"first")
    wait_at(query["gate"])
    write(b"second")
    return [b"third"]


@case("/body/blocks")
def blocks(environ, start_response, query):
    """Bytes of every value, in blocks of every size around the usual limits."""
    data = bytes(range(256))
    sizes = [1, 2, 255, 256, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return ((data * (n // 256 + 1))[:n] for n in sizes)


@case("/body/endless")
def endless(environ, start_response, query):
    def body():
        while True:
            yield b"x" * 65536
    start_response("200 OK", TEXT)
    return Closing(query, body())


@case("/body/list")
def as_list(environ, start_response, query):
    start_response("200 OK", TEXT)
    return [b"one block"]


@case("/body/tuple")
def as_tuple(environ, start_response, query):
    start_response("200 OK", TEXT)
    return (b"two ", b"blocks")


@case("/body/bytes")
def as_bytes(environ, start_response, query):
    """Against the specification, but people rely on it."""
    start_response("200 OK", TEXT)
    return b"one bytes object"


@case("/body/text")
def as_text(environ, start_response, query):
    start_response("200 OK", TEXT)
    return ["text, not bytes"]


@case("/body/none")
def none(environ, start_response, query):
    start_response("200 OK", TEXT)
    return None


@case("/body/closing")
def closing(environ, start_response, query):
    start_response("200 OK", TEXT + ([("Content-Length", "9")] if "length" in query else []))
    return Closing(query, [b"one", b"two", b"six"])


@case("/body/close-raises")
def close_raises(environ, start_response, query):
    class Raising(Closing):
        def close(self):
            super().close()
            raise ValueError("raised-in-close")
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return Raising(query, [b"body"])


@case("/body/watched")
def watched(environ, start_response, query):
    """An iterable that notes each attribute that somebody asks for."""
    class Watched:
        def __init__(self):
            self.blocks = iter([b"watched"])

        def __getattribute__(self, name):
            record(query, name)
            return object.__getattribute__(self, name)

        def __iter__(self):
            return object.__getattribute__(self, "blocks")

        def close(self):
            pass
    start_response("200 OK", TEXT)
    return Watched()


class Sized:
    def __init__(self, *blocks):
        self.blocks = blocks

    def __len__(self):
        return len(self.blocks)

    def __iter__(self):
        return iter(self.blocks)


@case("/body/sized")
def sized(environ, start_response, query):
    start_response("200 OK", TEXT)
    return Sized(*[b"block"] * int(query["n"]))


@case("/body/write-then-yield")
def write_then_yield(environ, start_response, query):
    write = start_response("200 OK", TEXT)
    write(b"a")
    write(b"b")
    write(b"")
    write(b"c")

    def body():
        yield b"d"
        yield b"e"
    return body()


@case("/body/write-only")
def write_only(environ, start_response, query):
    start_response("200 OK", TEXT)(b"only written")
    return []


@case("/body/write-in-iteration")
def write_in_iteration(environ, start_response, query):
    write = start_response("200 OK", TEXT)

    def body():
        write(b"1")
        yield b"2"
        write(b"3")
        yield b"4"
    return body()


@case("/body/too-long")
def too_long(environ, start_response, query):
    def body():
        for block in (b"12345", b"67890", b"never"):
            record(query, block.decode())
            yield block
    start_response("200 OK", TEXT + [("Content-Length", query["length"])])
    return Closing(query, body())


@case("/body/write-too-long")
def write_too_long(environ, start_response, query):
    write = start_response("200 OK", TEXT + [("Content-Length", "5")])
    write(b"12345")
    try:
        write(b"6")
        record(query, "nothing")
    except Exception:
        record(query, "raised")
    return []


@case("/body/too-short")
def too_short(environ, start_response, query):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return Closing(query, [b"x" * int(query.get("n", "10"))])


@case("/body/generator")
def generator(environ, start_response, query):
    start_response("200 OK", TEXT)
    return (b"block %d\n" % i for i in range(3))


class NoDescriptor(io.BytesIO):
    """A file-like that has no descriptor and notes its close()."""

    def __init__(self, data, query):
        super().__init__(data)
        self.query = query

    def close(self):
        record(self.query, "close")
        super().close()


class ReadOnly:
    """A file-like that has nothing but read(), not even close()."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, size):
        return self.data.read(size)


FILES = {}


def numbered(query):
    """A plain file of 1 MiB, each line its own offset. It is kept, so that /file/closed can tell whether the server
    closed it: only a plain file, of no class of our own, may be sent by its descriptor."""
    handle, path = tempfile.mkstemp()
    with os.fdopen(handle, "wb") as file:
        for i in range(65536):
            file.write(b"%015d\n" % (i * 16))
    file = open(path, "rb")
    os.unlink(path)
    FILES[query["key"]] = file
    return file


@case("/file/closed")
def closed(environ, start_response, query):
    """Answers "true" once the server has closed the file of an earlier request; then it may be forgotten."""
    state = FILES[query["key"]].closed
    if state:
        del FILES[query["key"]]
    return answer_json(start_response, state)


@case("/file/real")
def real(environ, start_response, query):
    """Read ahead before: the descriptor's own position is past the file object's."""
    file = numbered(query)
    file.read(int(query.get("skip", "0")))
    start_response("200 OK", TEXT + ([("Content-Length", query["length"])] if "length" in query else []))
    return environ["wsgi.file_wrapper"](file, 8192)


@case("/file/memory")
def memory(environ, start_response, query):
    file = NoDescriptor(b"0123456789", query)
    file.seek(int(query.get("skip", "0")))
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file)


@case("/file/read-only")
def read_only(environ, start_response, query):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](ReadOnly(b"nothing but read"), 4)


@case("/file/unused")
def unused(environ, start_response, query):
    """Making a wrapper sends nothing; only returning it does."""
    wrapper = environ["wsgi.file_wrapper"](numbered(query))
    start_response("200 OK", TEXT)
    blocks = [len(block) for block in wrapper]
    wrapper.close()
    return [b"%d" % sum(blocks)]


@case("/file/wrapped")
def wrapped(environ, start_response, query):
    """A middleware that changes what the wrapper gives: the server must not go around it."""
    file = environ["wsgi.file_wrapper"](NoDescriptor(b"lower case", query))
    start_response("200 OK", TEXT)

    def upper():
        try:
            for block in file:
                yield block.upper()
        finally:
            file.close()
    return upper()


@case("/file/replaced")
def replaced(environ, start_response, query):
    """A middleware that puts its own wrapper into environ and its own start_response before the server's."""
    def own_start(status, headers, exc_info=None):
        return start_response(status, headers + [("X-Middleware", "yes")], exc_info)

    environ["wsgi.file_wrapper"] = lambda file, size=8192: [file.read().replace(b"a", b"o")]
    own_start("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"banana"))


@case("/file/empty")
def empty(environ, start_response, query):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](NoDescriptor(b"", query))


@case("/file/pipe")
def pipe(environ, start_response, query):
    """Has a descriptor, but no position and no size."""
    out, into = os.pipe()
    os.write(into, b"through a pipe")
    os.close(into)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](os.fdopen(out, "rb"))
