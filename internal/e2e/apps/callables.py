"""Applications of every kind of callable, each strict about how it is called."""
import functools


def answer(start_response, text):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode("ascii")]


def check(args, kwargs):
    assert len(args) == 2 and not kwargs, (args, kwargs)
    assert type(args[0]) is dict and callable(args[1])


def function(*args, **kwargs):
    check(args, kwargs)
    return answer(args[1], "function")


def renamed(one, other):
    """The arguments have no particular names."""
    return answer(other, "renamed")


class Instance:
    def __call__(self, *args, **kwargs):
        check(args, kwargs)
        return answer(args[1], "instance")

    def method(self, environ, start_response):
        return answer(start_response, "method")


class Sealed:
    """Whoever asks what kind of callable this is fails."""

    def __call__(self, *args, **kwargs):
        check(args, kwargs)
        return answer(args[1], "sealed")

    @property
    def __code__(self):
        raise RuntimeError("introspected")

    __signature__ = __wrapped__ = __name__ = __code__


class Class:
    """The class is the application; its instance is the iterable."""

    def __init__(self, *args, **kwargs):
        check(args, kwargs)
        self.start = args[1]

    def __iter__(self):
        return iter(answer(self.start, "class"))


def configured(flavour, environ, start_response):
    return answer(start_response, "partial " + flavour)


def factory():
    return Instance()


instance = Instance()
sealed = Sealed()
method = instance.method
partial = functools.partial(configured, "vanilla")
