"""Does not want to end."""
import atexit
import time

from probe import application  # noqa: F401


@atexit.register
def for_ever():
    while True:
        time.sleep(3600)
