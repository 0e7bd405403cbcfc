import os
import unittest
from unittest import mock

from penknife import signals, zygote


class ForkOrphan(unittest.TestCase):
    def test_a_fork_that_fails_leaves_no_descriptors(self) -> None:
        """At the limit of processes the zygote is asked again and again, for as long as that lasts."""
        before = os.listdir("/proc/self/fd")
        with mock.patch.object(signals, "fork", side_effect=BlockingIOError("no more processes")):
            for _ in range(3):
                with self.assertRaises(OSError):
                    zygote.fork_orphan()
        self.assertEqual(before, os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    unittest.main()
