"""Raises when it is imported."""


def inner():
    return {}["SECRET_KEY"]


inner()
