"""The Python side of penknife. It lives in the zygote and in the workers that the zygote forks.

For applications: `from penknife import cache`, `from penknife import metrics`, and the exceptions below.

This file and bootstrap.py must parse under every Python, 2.7 included: a wrong interpreter gets a sentence, not a
SyntaxError.
"""


class PenknifeError(Exception):
    """What went wrong between the application and penknife."""


class RequestTimeout(BaseException):
    """Raised in the application when a request has passed workers.request_timeout. Its client has got 504 already.

    Not an Exception, so that code which catches those to go on does not keep the request alive; finally and with run.
    """


class NotRunning(PenknifeError):
    """There is no penknife to ask: this process was started neither by it nor with `penknife exec`, or it does not run."""


class CallTimeout(PenknifeError):
    """penknife did not answer within penknife.calls.timeout seconds. What was asked for may have been done."""


class CacheError(PenknifeError):
    """The cache could not do what it was asked to; the text says why."""


class ValueTooLarge(CacheError, ValueError):
    """Key and value are larger than the setting app_cache.max_value."""


class NotANumber(CacheError, ValueError):
    """incr or decr of a value that is not a decimal number of 64 bits, or with such a result."""


class MissingKey(CacheError, KeyError):
    """incr or decr of a key that is not there."""

    __str__ = Exception.__str__


class SwitchedOff(CacheError):
    """The configuration has no such cache."""
