"""Applications that do to their own process what they should not."""
import ctypes
import os
import random
import signal
import socket
import threading
import time


def spin_in_python(query):
    """Gives way to no exception."""
    while True:
        try:
            while True:
                time.sleep(0.001)
        except BaseException:
            pass


def hang_in_c(query):
    """Takes a mutex twice, in C, without letting go of the interpreter's lock. No signal ends that."""
    mutex, libc = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def touch(query):
    """Looks at a file whose file system never answers."""
    os.stat(query["path"])
    return "looked"


def close_all(query):
    os.closerange(0, 1 << 16)
    return "closed"


def garbage(query):
    """Writes to whatever is open, penknife's sockets and eventfd included, again and again."""
    chance = random.Random(5)
    for _ in range(int(query.get("times", "20"))):
        for name in os.listdir("/proc/self/fd"):
            fd = int(name)
            try:
                os.set_blocking(fd, False)
                os.write(fd, chance.randbytes(chance.choice([1, 8, 12, 100, 5000])))
            except OSError:
                pass
    return "written"


def lie(query):
    """Sends the messages that a worker can send, with lengths, slots and kinds that are wrong."""
    control = next(s for s in sockets() if s.type == socket.SOCK_SEQPACKET)
    chance = random.Random(int(query["seed"]))
    kinds = [b"F", b"L", b"R", b"E", b"W", b"M", b"C", b"\0", b"F\0\0\0" + b"\xff" * 8, b"L\x09" + b"\xff" * 14, b"F" + bytes(11)]
    for _ in range(50):
        message = chance.choice(kinds) + chance.randbytes(chance.choice([0, 3, 11, 15, 60000]))
        try:
            if chance.random() < 0.3:
                socket.send_fds(control, [message], [0] * chance.randrange(1, 4))
            else:
                control.send(message)
        except OSError:
            break
    return "lied"


def lie_on_channel(query):
    """Opens channels of penknife.cache, and says on them half a head, a length that is far too large, and a byte now and then."""
    from penknife import cache
    lies = [b"\x01\x00\x00", b"\x01\x00\x00\x00\xff\xff\xff\xff", b"\xff" * 8, b"\x01\x00\x00\x00\x00\x00\x10\x00"]
    opened = threading.Barrier(len(lies) + 1, timeout=20)

    def lie(words):
        cache.get("opens a channel")
        opened.wait()
        mine = [s for s in sockets() if s.type == socket.SOCK_STREAM]
        for word in [words] + [b"x"] * 30:
            for channel in mine:  # also those of the others
                try:
                    channel.setblocking(False)
                    channel.send(word)
                except OSError:
                    pass
            time.sleep(0.05)

    for words in lies:
        threading.Thread(target=lie, args=(words,), daemon=True).start()
    opened.wait()
    return "lied"


def stuff_eventfd(query):
    """Fills the counter of the eventfd that all workers share, so that nobody can add to it."""
    stuffed = 0
    for name in os.listdir("/proc/self/fd"):
        if "eventfd" not in where(name):
            continue
        fd = int(name)
        os.set_blocking(fd, False)
        while True:  # others add to it meanwhile
            try:
                os.read(fd, 8)
                os.write(fd, b"\xfe" + b"\xff" * 7)
                stuffed += 1
                break
            except BlockingIOError:
                os.write(fd, b"\x01" + bytes(7))
    if not stuffed:
        raise RuntimeError("no eventfd")
    return "stuffed"


def sockets():
    for name in os.listdir("/proc/self/fd"):
        if where(name).startswith("socket:"):
            yield socket.socket(fileno=os.dup(int(name)))


def where(name):
    try:
        return os.readlink("/proc/self/fd/" + name)
    except FileNotFoundError:  # that of the listing itself
        return ""


def breed(query):
    """Descendants of so many generations, two of each, that keep every descriptor and do not end."""
    grow(int(query["depth"]))
    return "bred"


def grow(depth):
    for _ in range(2):
        if os.fork() == 0:
            if depth > 1:
                grow(depth - 1)
            while True:
                signal.pause()


def surroundings(query):
    """Another directory, no umask, no signal that anybody sends does anything."""
    os.chdir("/")
    os.umask(0)
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
    return "changed"


def unlink(query):
    os.unlink(query["path"])
    return "unlinked"


def clinging(query):
    """At the end of the interpreter: output, an exception, and a thread that does not end."""
    import atexit

    def last_words():
        print("last words " * 1000, flush=True)
        raise RuntimeError("at exit")

    atexit.register(last_words)
    threading.Thread(target=spin_in_python, args=({},)).start()
    return "clinging"
