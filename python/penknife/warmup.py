"""Warm-up requests: a worker answers them by itself before it takes requests from clients.

What an application does only at its first request (imports in views, templates, a connection to the database) is done
then. It happens in each worker and after the fork, because connections must not be shared between processes.
"""
from __future__ import annotations

import io
import sys

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator


class WarmupError(Exception):
    """The application answered, but not well. Its text is complete."""


class _Response:
    """What start_response was told."""

    def __init__(self) -> None:
        self.status = ""

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        self.status = status
        return lambda data: None


class _FileWrapper:
    """wsgi.file_wrapper without any of the server's tricks."""

    def __init__(self, filelike: Any, block_size: int = 8192) -> None:
        self.filelike = filelike
        self.block_size = block_size
        self.close = getattr(filelike, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.block_size), b"")


def environ(request: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """The variables of a GET that a client on this machine could have sent. request has scheme, host, path, query and
    target, as penknife's Go side took the configured text apart."""
    name, port = _split_host(request["host"], request["scheme"])
    variables = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": request["path"].encode().decode("latin-1"),
        "QUERY_STRING": request["query"], "REQUEST_URI": request["target"], "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": name, "SERVER_PORT": port, "REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": request["scheme"],
        "HTTP_HOST": request["host"], "HTTP_USER_AGENT": "penknife-warmup", "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0), "wsgi.url_scheme": request["scheme"], "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True, "wsgi.errors": sys.stderr, "wsgi.multithread": settings["threads"] > 1,
        "wsgi.multiprocess": settings["multiprocess"], "wsgi.run_once": False, "wsgi.file_wrapper": _FileWrapper,
        "penknife.warmup": True,
    }
    if request["scheme"] == "https":
        variables["HTTPS"] = "on"
    return variables


def _split_host(host: str, scheme: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return name, port
    return host, "443" if scheme == "https" else "80"


def ask(app: Callable[..., Any], request: dict[str, str], settings: dict[str, Any]) -> str:
    """Let the application answer one request completely; answer its status line. WarmupError for one from 500 on; what
    the application raises comes through."""
    response = _Response()
    result = app(environ(request, settings), response.start)
    try:
        for _block in result:
            pass
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    if not response.status[:3].isdigit() or int(response.status[:3]) >= 500:
        raise WarmupError(f"answered with {response.status or 'no status at all'}")
    return response.status
