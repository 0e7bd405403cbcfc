"""Tests of warmup."""
from __future__ import annotations

import unittest
from typing import Any
from wsgiref.validate import validator

from penknife import warmup

SETTINGS = {"threads": 2, "multiprocess": True}
REQUEST = {"scheme": "http", "host": "127.0.0.1:8000", "path": "/é", "query": "a=1", "target": "/%C3%A9?a=1"}


class Recorder:
    """An application that keeps what it was asked, and answers with a status and blocks."""

    def __init__(self, status: str = "200 OK", blocks: list[bytes] | None = None) -> None:
        self.status = status
        self.blocks = [b"x"] if blocks is None else blocks
        self.environ: dict[str, Any] = {}
        self.sent = 0
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.environ = environ
        start_response(self.status, [("Content-Type", "text/plain")])
        return self

    def __iter__(self) -> Any:
        for block in self.blocks:
            self.sent += 1
            yield block

    def close(self) -> None:
        self.closed += 1


class TestWarmup(unittest.TestCase):
    def test_the_validator_finds_no_fault(self) -> None:
        self.assertEqual(warmup.ask(validator(Recorder()), REQUEST, SETTINGS), "200 OK")

    def test_environ(self) -> None:
        app = Recorder()
        warmup.ask(app, REQUEST, SETTINGS)
        got = app.environ
        self.assertEqual(got["PATH_INFO"].encode("latin-1").decode(), "/é")
        self.assertEqual((got["SERVER_NAME"], got["SERVER_PORT"]), ("127.0.0.1", "8000"))
        self.assertEqual((got["REQUEST_METHOD"], got["QUERY_STRING"], got["HTTP_HOST"]), ("GET", "a=1", "127.0.0.1:8000"))
        self.assertEqual(got["wsgi.input"].read(), b"")
        self.assertTrue(got["wsgi.multithread"] and got["wsgi.multiprocess"] and got["penknife.warmup"])
        self.assertNotIn("HTTPS", got)

    def test_https(self) -> None:
        for host, want in {"example.org": ("example.org", "443"), "[::1]:8443": ("[::1]", "8443"), "[::1]": ("[::1]", "443")}.items():
            got = warmup.environ({**REQUEST, "scheme": "https", "host": host}, SETTINGS)
            self.assertEqual((got["SERVER_NAME"], got["SERVER_PORT"], got["HTTPS"]), (*want, "on"))

    def test_the_answer_is_read_and_closed(self) -> None:
        app = Recorder(blocks=[b"a", b"", b"b"])
        warmup.ask(app, REQUEST, SETTINGS)
        self.assertEqual((app.sent, app.closed), (3, 1))

    def test_bad_answers(self) -> None:
        for status in ("500 Internal Server Error", "503 x", "", "odd"):
            app = Recorder(status)
            with self.assertRaises(warmup.WarmupError):
                warmup.ask(app, REQUEST, SETTINGS)
            self.assertEqual(app.closed, 1)
        for status in ("204 No Content", "302 Found", "404 Not Found"):
            self.assertEqual(warmup.ask(Recorder(status), REQUEST, SETTINGS), status)

    def test_what_the_application_raises(self) -> None:
        def broken(environ: dict[str, Any], start_response: Any) -> Any:
            raise KeyError("why")

        with self.assertRaises(KeyError):
            warmup.ask(broken, REQUEST, SETTINGS)

    def test_a_file(self) -> None:
        import io

        def sends(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](source, 4)

        source = io.BytesIO(b"0123456789")
        warmup.ask(sends, REQUEST, SETTINGS)
        self.assertTrue(source.closed)


if __name__ == "__main__":
    unittest.main()
