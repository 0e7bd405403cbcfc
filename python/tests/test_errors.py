"""errors.format_exception: what the operator reads when an application fails."""
import os
import sys
import tempfile
import unittest

from penknife import errors, loader


def raised(source: str) -> BaseException:
    """Load a file with this source through the loader and answer what it raised."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "failing_app.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        before = list(sys.path)
        try:
            loader.load(path, directory)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next  # without this frame
            # Formatted while the file exists, as in the zygote.
            error.text = errors.format_exception(error)
            return error
        finally:
            sys.path[:] = before
    raise AssertionError("nothing was raised")


class FormatException(unittest.TestCase):
    def test_only_the_application_s_frames(self):
        text = raised("def inner():\n    raise ValueError('kaputt')\ninner()\n").text
        self.assertTrue(text.startswith("Traceback (most recent call last):\n"), text)
        self.assertEqual(text.count('  File "'), 2, text)
        self.assertIn("failing_app.py", text)
        self.assertTrue(text.endswith("ValueError: kaputt\n"), text)
        self.assertNotIn("importlib", text)
        self.assertNotIn("loader.py", text)

    def test_chain_is_kept(self):
        text = raised(
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise RuntimeError('outer') from error\n"
        ).text
        self.assertIn("ZeroDivisionError", text)
        self.assertIn("direct cause of the following exception", text)
        self.assertTrue(text.endswith("RuntimeError: outer\n"), text)

    def test_import_inside_the_application(self):
        text = raised("import no_such_module_of_the_app\n").text
        self.assertEqual(text.count('  File "'), 1, text)
        self.assertIn("ModuleNotFoundError: No module named 'no_such_module_of_the_app'", text)

    def test_uwsgi_module(self):
        text = raised("import uwsgi\n").text
        self.assertTrue(text.splitlines()[-1].startswith("uwsgi exists inside uWSGI only: make the import optional"), text)
        wrapped = raised("try:\n    import uwsgidecorators\nexcept ImportError as e:\n    raise RuntimeError('no') from e\n").text
        self.assertIn("\nuwsgidecorators exists inside uWSGI only: ", wrapped)
        unrelated = raised("try:\n    import uwsgi\nexcept ImportError:\n    raise ValueError('other')\n").text
        self.assertTrue(unrelated.endswith("ValueError: other\n"), unrelated)

    def test_syntax_error_names_file_and_line(self):
        text = raised("x = 1\ndef broken(:\n    pass\n").text
        self.assertIn("failing_app.py\", line 2", text)
        self.assertIn("SyntaxError", text)

    def test_exception_that_cannot_be_printed(self):
        error = raised("class Odd(Exception):\n    def __str__(self):\n        raise KeyError\nraise Odd\n")
        self.assertIn("Odd", error.text)

    def test_system_exit(self):
        self.assertTrue(raised("raise SystemExit(5)\n").text.endswith("SystemExit: 5\n"))

    def test_load_error_is_its_text(self):
        self.assertEqual(errors.format_exception(errors.LoadError("no such thing")), "no such thing")

    @unittest.skipIf(sys.version_info < (3, 11), "exception groups came with 3.11")
    def test_group(self):
        text = raised("raise ExceptionGroup('both', [ValueError('a'), TypeError('b')])\n").text
        self.assertIn("ValueError: a", text)
        self.assertIn("TypeError: b", text)


if __name__ == "__main__":
    unittest.main()
