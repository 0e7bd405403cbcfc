"""bootstrap: which interpreters are refused. Runs under every Python, 2.7 included."""
import unittest

from penknife import bootstrap


class Complaint(unittest.TestCase):
    def test_good(self):
        for version in ((3, 10, 0), (3, 13, 1), (3, 14, 0)):
            self.assertEqual(bootstrap.complaint(version, "CPython", False, "/usr/bin/python3"), None)

    def test_too_old(self):
        text = bootstrap.complaint((2, 7, 18), "CPython", False, "/usr/bin/python2")
        self.assertEqual(text, "penknife needs CPython 3.10 or newer; /usr/bin/python2 is CPython 2.7.18")
        self.assertIn("3.9.1", bootstrap.complaint((3, 9, 1), "CPython", False, "/p"))

    def test_other_implementations_by_name(self):
        self.assertIn("/p is PyPy 3.10.14", bootstrap.complaint((3, 10, 14), "PyPy", False, "/p"))

    def test_free_threaded(self):
        self.assertIn("free-threaded", bootstrap.complaint((3, 13, 0), "CPython", True, "/p"))


if __name__ == "__main__":
    unittest.main()
