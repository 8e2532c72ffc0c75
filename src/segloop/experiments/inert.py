"""Finds what a checkpoint's pickle names, and puts inert stand-ins in place of what is not data."""

from __future__ import annotations

import importlib
import pickletools
import sys
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

# torch's guard takes a function or class, or one with the name under which a file may ask for it.
Allowed = Callable | tuple[Callable, str]

# Modules of Python's library that records come from. Files that mean harm need one of the others.
RECORDS = {
    "_codecs",
    "argparse",
    "collections",
    "copyreg",
    "datetime",
    "decimal",
    "enum",
    "pathlib",
    "types",
    "uuid",
}
BUILTINS = {
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "getattr", "int", "list"),
    *("object", "range", "set", "slice", "str", "tuple"),
}
LEGACY_PICKLES = 4  # before torch 1.6: magic number, protocol, system, content; then raw storages


class Inert:
    """Stands for an object of a class that is not imported: it can be made and filled, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class InertHistory(Inert):
    """Stands for mmengine's `HistoryBuffer`, whose pickle names its own methods."""


def named_globals(path: Path) -> set[str]:
    """Return every `module.name` that a checkpoint's pickle asks for, without running it."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            with zipfile.ZipFile(path) as archive:
                names = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")]
                return set().union(*(_globals(archive.read(name)) for name in names))
        file.seek(0)
        found: set[str] = set()
        for _ in range(LEGACY_PICKLES):
            found |= _globals(file)
        return found


def suspects(names: Iterable[str]) -> list[str]:
    """Return the names that no data need: those of Python's own library that do not describe records.

    >>> suspects(["os.system", "builtins.eval", "pathlib.PosixPath", "mmcv.ConfigDict"])
    ['builtins.eval', 'os.system']
    """

    def is_suspect(name: str) -> bool:
        module, _, attribute = name.rpartition(".")
        if module == "builtins":
            return attribute not in BUILTINS
        room = module.partition(".")[0]
        return room in sys.stdlib_module_names and room not in RECORDS

    return sorted(name for name in names if is_suspect(name))


def stand_ins(names: Iterable[str]) -> list[Allowed]:
    """Return what to let torch's guard take for these names: numpy's arrays as they are, all else inert.

    What the guard knows by itself, torch's tensors, it never looks up here.
    """
    allowed = _arrays()
    known = {each[1] if isinstance(each, tuple) else f"{each.__module__}.{each.__name__}" for each in allowed}
    for name in sorted(set(names) - known):
        if name == "builtins.getattr":
            allowed.append((_no_attribute, name))
        elif name == "mmengine.logging.history_buffer.HistoryBuffer":
            allowed.append((InertHistory, name))
        else:
            allowed.append((type(name.rpartition(".")[2], (Inert,), {"__module__": __name__}), name))
    return allowed


def _no_attribute(owner: Any, name: str) -> Any:
    """Answer for `getattr`, which reaches anything: an inert class has inert attributes, others none."""
    if isinstance(owner, type) and issubclass(owner, Inert):
        return owner
    raise AttributeError(f"it asks for the attribute {name!r} of {owner!r}.")


def _globals(pickled: bytes | IO[bytes]) -> set[str]:
    found = set()
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name == "GLOBAL" and argument:
            module, _, name = argument.partition(" ")
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            found.add(f"{module}.{name}")
    return found


def _arrays() -> list[Allowed]:
    """Name what numpy's arrays and numbers are rebuilt with; files come from either generation of numpy."""
    allowed: list[Allowed] = [np.ndarray, np.dtype]
    multiarray = importlib.import_module(
        "numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray"
    )
    for name in ("_reconstruct", "scalar"):
        for module in ("numpy._core.multiarray", "numpy.core.multiarray"):
            allowed.append((getattr(multiarray, name), f"{module}.{name}"))
    kinds = (getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith("DType"))
    return allowed + [kind for kind in kinds if issubclass(kind.type, np.number | np.bool_ | np.character)]
