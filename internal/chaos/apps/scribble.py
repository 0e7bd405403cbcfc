"""Writes over the memory that workers share with penknife. Offsets are those of python/accel/layout.h."""
import ctypes
import random
import re
import struct
import threading
import time


def memory():
    """Where this process has the queue's memory."""
    for line in open("/proc/self/maps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-s .*memfd:penknife-queue", line)
        if found:
            begin, end = int(found[1], 16), int(found[2], 16)
            return (ctypes.c_uint8 * (end - begin)).from_address(begin)
    raise RuntimeError("the queue's memory is not mapped")


def parts(shared):
    """Beginning and end of each part."""
    lanes, workers, ring, events, slots, areas, total = struct.unpack_from("<7Q", bytes(shared[64:120]))
    return {
        "constants": (0, 124), "asleep": (128, 132), "ends": (192, 264), "idle": (320, 448), "header": (0, 4096),
        "lanes": (lanes, workers), "workers": (workers, ring), "ring": (ring, events), "events": (events, slots),
        "slots": (slots, areas), "control": (0, areas), "all": (0, total),
    }


def words(shared, part, value, chance):
    """What is written where."""
    begin, end = part
    size = min(end - begin, 8 << 20)
    if value in ("zeros", "ones"):
        shared[begin:begin + size] = (b"\0" if value == "zeros" else b"\xff") * size
        return
    for _ in range(2000):
        at = begin + chance.randrange((end - begin) // 8) * 8
        word = chance.choice([0, 1, 2, 2**32 - 1, 2**63, chance.getrandbits(64)])
        struct.pack_into("<Q", shared, at, word)


def scribble(query):
    """part, value (zeros, ones, random), times: each 10 ms, in a thread that goes on after the answer. It ends in time, also
    on a machine that is too slow for that."""
    shared = memory()
    part = parts(shared)[query["part"]]
    chance = random.Random(int(query.get("seed", "1")))
    words(shared, part, query["value"], chance)
    end = time.monotonic() + 0.01 * (int(query.get("times", "1")) - 1)

    def again():
        while time.monotonic() < end:
            time.sleep(0.01)
            words(shared, part, query["value"], chance)

    threading.Thread(target=again, daemon=True).start()
    return "scribbled"
