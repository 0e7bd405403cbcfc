"""Raises at import, deep in the user's own code."""


def configure():
    raise LookupError("no such setting: DATABASE")


configure()
