"""Finds the WSGI application that a specification names, and says clearly why it cannot.

MODULE:CALLABLE, MODULE:factory(), MODULE:factory("literal", name=1), MODULE:object.attribute, path/to/file.py[:...].
Without a name after the colon, "application" and then "app" are tried.
"""
from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from types import CodeType, FunctionType, ModuleType

from penknife.errors import LoadError, user_frames

TYPE_CHECKING = False  # as in typing, without its megabyte of memory in every worker
if TYPE_CHECKING:
    from typing import Any, Callable

CO_VARARGS = 0x04  # flags of code objects (the module inspect names them)
CO_COROUTINE = 0x80

DEFAULT_NAMES = ("application", "app")


class Spec:
    """A specification, taken apart."""

    def __init__(self, text: str, source: str, is_file: bool, name: str, call: tuple[list[Any], dict[str, Any]] | None) -> None:
        self.text = text
        self.source = source  # module name or file path
        self.is_file = is_file
        self.name = name  # dotted; "" for the default names
        self.call = call  # arguments of a factory; None: name is the application


def parse(text: str, chdir: str) -> Spec:
    """Take a specification apart; LoadError when it is malformed. Only files in chdir are looked at."""
    source, colon, name = text.strip().partition(":")
    source, name = source.strip(), name.strip()
    call = None
    if name.endswith(")"):
        name, _paren, arguments = name.partition("(")
        name, call = name.strip(), _literals(text, "(" + arguments)
    if not source:
        raise LoadError(f"{text!r} names no application: write MODULE:CALLABLE, such as mysite.wsgi:application")
    if (colon or name) and not all(part.isidentifier() for part in name.split(".")):
        raise LoadError(f"{text!r}: {name!r} after the colon is not the name of a callable")
    is_file = os.sep in source or source.endswith(".py")
    if source.endswith(".wsgi"):  # mysite.wsgi is more often a module of Django than a file of mod_wsgi
        is_file = is_file or os.path.isfile(os.path.join(chdir, source))
    if not is_file and not all(part.isidentifier() for part in source.split(".")):
        raise LoadError(f"{text!r}: {source!r} is neither a module name nor a path to a .py file")
    return Spec(text, source, is_file, name, call)


def _literals(text: str, call: str) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, from its opening parenthesis on."""
    if call == "()":
        return [], {}
    import ast

    try:
        found = ast.parse("factory" + call, mode="eval").body
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name):
            named = {word.arg: ast.literal_eval(word.value) for word in found.keywords if word.arg is not None}
            if len(named) == len(found.keywords):
                return [ast.literal_eval(value) for value in found.args], named
    except (SyntaxError, ValueError):
        pass
    raise LoadError(f"{text!r}: a factory is called with literals only, such as create_app('production', debug=False)")


def load(text: str, chdir: str) -> Callable[..., Any]:
    """Import the application. LoadError for what is wrong with the specification; what the application's own code
    raises comes through as it is."""
    spec = parse(text, chdir)
    module = _import_file(spec, chdir) if spec.is_file else _import_module(spec, chdir)
    name, found = _find(spec, module)
    if spec.call is not None:
        if not callable(found):
            raise LoadError(f"{spec.source}:{name} is not callable: it is {_describe(found)}")
        positional, named = spec.call
        found, name = found(*positional, **named), name + "()"
    _check(f"{spec.source}:{name}", found, spec)
    return found


def _import_module(spec: Spec, chdir: str) -> ModuleType:
    try:
        __import__(spec.source)  # not importlib.import_module: that one leaves frames in tracebacks
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if user_frames(error) or not (spec.source + ".").startswith(missing + "."):
            raise
        raise LoadError(_no_module(spec.source, missing, chdir)) from None
    return sys.modules[spec.source]


def _no_module(wanted: str, missing: str, chdir: str) -> str:
    text = f"no module named {missing!r}"
    if missing != wanted:
        text += f" (of {wanted!r})"
    text += f"; looked in {chdir} and on sys.path"
    parent, _dot, leaf = missing.rpartition(".")
    if hasattr(sys.modules.get(parent), leaf):
        return text + f". Did you mean {parent}:{leaf}?"
    directory = os.path.join(chdir, *parent.split(".")) if parent else chdir
    near = _close(leaf, _modules_in(directory), n=1)
    if near:
        return text + f". Did you mean {parent + '.' if parent else ''}{near[0]}?"
    return text


def _modules_in(directory: str) -> list[str]:
    names = []
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name)
        if (suffix == ".py" and stem != "__init__") or (not suffix and entry.is_dir()):
            if stem.isidentifier():
                names.append(stem)
    return names


def _import_file(spec: Spec, chdir: str) -> ModuleType:
    path = os.path.join(chdir, os.path.expanduser(spec.source))
    if not os.path.isfile(path):
        directory, leaf = os.path.split(path)
        kind = "is a directory" if os.path.isdir(path) else "does not exist"
        files = [name + ".py" for name in _modules_in(directory)]
        near = _close(leaf, files, n=1)
        raise LoadError(f"{path} {kind}" + (f". Did you mean {near[0]}?" if near else ""))
    directory = os.path.dirname(path)
    if directory not in sys.path:
        sys.path.insert(1, directory)  # after chdir: what the file imports beside itself is found
    name = _module_name(path)
    loader = importlib.machinery.SourceFileLoader(name, path)
    module_spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert module_spec is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_name(path: str) -> str:
    """The name under which the application's other files would import this one, unless that is taken."""
    stem = os.path.splitext(os.path.basename(path))[0]
    if stem.isidentifier() and stem not in sys.modules and stem not in sys.stdlib_module_names:
        return stem
    return "penknife_file_" + "".join(c if c.isalnum() else "_" for c in stem)


def _find(spec: Spec, module: ModuleType) -> tuple[str, Any]:
    if not spec.name:
        for name in DEFAULT_NAMES:
            if hasattr(module, name):
                return name, getattr(module, name)
        raise LoadError(f"{spec.source} has neither 'application' nor 'app'{_near('application', module)}")
    found: Any = module
    walked = spec.source + ":"
    for part in spec.name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            if user_frames(error):  # a property or a module's __getattr__ that failed within
                raise
            raise LoadError(f"{walked.rstrip(':.')} has no attribute {part!r}{_near(part, found)}") from None
        walked += part + "."
    return spec.name, found


def _near(wanted: str, owner: object) -> str:
    """End of a sentence that names what the author may have meant."""
    names = [name for name in dir(owner) if not name.startswith("_")]
    near = _close(wanted, names, n=3, cutoff=0.5) or [name for name in DEFAULT_NAMES if name in names]
    return f". Did you mean {' or '.join(near)}?" if near else ""


def _describe(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _check(label: str, app: Any, spec: Spec) -> None:
    """Refuse what cannot be a WSGI application, where that is certain."""
    if not callable(app):
        raise LoadError(f"{label} is not callable: it is {_describe(app)}")
    code, own = _code(app)
    is_async = code is not None and bool(code.co_flags & CO_COROUTINE)
    if is_async:
        raise LoadError(f"{label} is an ASGI application (its call is async); penknife runs WSGI applications")
    if code is None or not own or _accepts(app, code, 2):
        return
    if not _accepts(app, code, 0):
        raise LoadError(f"{label} cannot be called with two arguments, as a WSGI application is (environ, start_response)")
    hint = "" if spec.call is not None else f"; if it makes the application, write {label}()"
    raise LoadError(f"{label} takes no arguments, a WSGI application is called with two{hint}")


def _code(app: Any) -> tuple[CodeType | None, bool]:
    """The code of a Python function, or of an object's __call__ (False), as far as it is certain. The module inspect
    would know more, at the price of half a megabyte in every worker."""
    if isinstance(app, FunctionType):
        return app.__code__, True
    call = type(app).__dict__.get("__call__")
    return (call.__code__, False) if isinstance(call, FunctionType) else (None, False)


def _accepts(function: FunctionType, code: CodeType, count: int) -> bool:
    """Tell whether a plain function can be called with count positional arguments."""
    required = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_kwonlyargcount - len(function.__kwdefaults__ or ())
    return required <= count and keywords == 0 and (count <= code.co_argcount or bool(code.co_flags & CO_VARARGS))


def _close(wanted: str, names: list[str], n: int = 1, cutoff: float = 0.6) -> list[str]:
    import difflib  # only when something is missing

    return difflib.get_close_matches(wanted, names, n=n, cutoff=cutoff)
