"""Puts a module of plain PyTorch operators where Python looks for the compiled `mmcv._ext`."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

from segloop.utils.errors import ConfigError, MissingDependency

EXTENSION = "mmcv._ext"
CHOICE = "SEGLOOP_OPS"
BUILD_COMMAND = (
    "pip install ninja wheel 'setuptools<81' && "
    "MMCV_WITH_OPS=1 pip install --no-cache-dir --no-build-isolation --no-binary onedl-mmcv "
    "--force-reinstall --no-deps onedl-mmcv"
)


@dataclass(frozen=True)
class OpsStatus:
    """Which operators mmcv uses, or would use: `kind` is `torch`, `compiled` or `none`; `reason` says why."""

    kind: str
    reason: str


class TorchExtension(ModuleType):
    """Stands in for `mmcv._ext`; an operator that we do not have says so when it is called, by name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from segloop.ops import functions

        function = functions.FUNCTIONS.get(name) or _missing(name)
        setattr(self, name, function)
        return function


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for `mmcv._ext` alone, and makes the module only when somebody imports it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != EXTENSION:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin="segloop.ops")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return TorchExtension(spec.name, "mmcv's operators in plain PyTorch, from segloop.ops")

    def exec_module(self, module: ModuleType) -> None:
        pass


def install() -> OpsStatus:
    """Make `import mmcv.ops` work without compiled operators, and return which ones are in use.

    Compiled operators win where they exist. The environment variable SEGLOOP_OPS=torch puts ours in
    their place all the same; SEGLOOP_OPS=compiled refuses to go on without compiled ones. Calling it
    again changes nothing.
    """
    choice = _choice()
    if choice != "compiled":
        finder = _installed() or _Finder()
        if finder in sys.meta_path and choice == "torch":
            sys.meta_path.remove(finder)
        if finder not in sys.meta_path:
            # At the end Python asks us only after it has found no compiled file; at the front, first.
            sys.meta_path.insert(0 if choice == "torch" else len(sys.meta_path), finder)
    found = status()
    if choice == "compiled" and found.kind != "compiled":
        raise MissingDependency(
            "A compiled mmcv", why=f"{CHOICE}=compiled asks for its operators", command=BUILD_COMMAND
        )
    return found


def status() -> OpsStatus:
    """Return which operators mmcv uses, without importing mmcv's operators."""
    loaded = sys.modules.get(EXTENSION)
    if loaded is not None:
        kind = "torch" if isinstance(loaded, TorchExtension) else "compiled"
        return OpsStatus(kind, "already imported")
    if importlib.util.find_spec("mmcv") is None:
        return OpsStatus("none", "mmcv is not installed")
    compiled = _compiled_file()
    installed = _installed()
    if installed is not None and sys.meta_path.index(installed) == 0:
        return OpsStatus("torch", f"{CHOICE}=torch")
    if compiled is not None:
        return OpsStatus("compiled", compiled)
    if installed is not None:
        return OpsStatus("torch", "mmcv came without compiled operators")
    return OpsStatus("none", "mmcv came without compiled operators, and segloop.ops.install() was not called")


def _installed() -> _Finder | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)


def _choice() -> str:
    choice = os.environ.get(CHOICE, "").strip().lower()
    if choice not in ("", "auto", "torch", "compiled"):
        raise ConfigError(f"{CHOICE}={choice!r} is not known; choose torch, compiled or auto.")
    return choice


def _compiled_file() -> str | None:
    """Return the path of mmcv's compiled module, found without importing mmcv (that takes a second)."""
    spec = importlib.util.find_spec("mmcv")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = importlib.machinery.PathFinder.find_spec(EXTENSION, [folder])
        if found is not None and found.origin:
            return found.origin
    return None


def _missing(name: str) -> Callable[..., NoReturn]:
    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingDependency(
            f"The operator {name!r}",
            why="segloop.ops has no plain PyTorch version of it; a compiled mmcv has",
            command=BUILD_COMMAND,
        )

    call.__name__ = name
    return call
