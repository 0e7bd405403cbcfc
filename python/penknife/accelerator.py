"""Loads the C accelerator from the descriptor that Go gave."""
from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ExtensionFileLoader
from types import ModuleType

NAME = "penknife._accel"


def load(fd: int) -> ModuleType:
    """Import the extension module from fd and close fd."""
    path = f"/proc/self/fd/{fd}"
    spec = importlib.util.spec_from_file_location(NAME, path, loader=ExtensionFileLoader(NAME, path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module
    os.close(fd)
    return module


def hold_lifeline(accel: ModuleType, fd: int) -> None:
    """Have the kernel end this process when Go closes the other end of fd, even if it has already done so."""
    accel.lifeline(fd)  # keeps a descriptor of its own
    os.close(fd)
