"""Fails to import while the file that $FRAGILE names exists."""
import os

if os.path.exists(os.environ["FRAGILE"]):
    raise RuntimeError("the database is down")

from probe import application  # noqa: E402, F401
