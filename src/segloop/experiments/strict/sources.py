"""Reads a config's own text and that of its bases: which variables are used, and where each key is set."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Keys = tuple[str | int, ...]


@dataclass
class SourceFile:
    """One config file: its assignments, the names that it uses, and the files that it inherits."""

    path: Path
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    used_from_base: set[str] = field(default_factory=set)
    bases: list[SourceFile] = field(default_factory=list)
    readable: bool = True  # False for JSON and YAML, which have no variables

    def family(self) -> Iterator[SourceFile]:
        """Yield this file, then what it inherits, nearest first."""
        queue, seen = [self], set()
        while queue:
            file = queue.pop(0)
            if file.path not in seen:
                seen.add(file.path)
                yield file
                queue.extend(file.bases)


@dataclass(frozen=True)
class Lost:
    """A variable set where nothing uses it any more, and the keys that took its earlier value."""

    name: str
    place: str
    targets: tuple[Keys, ...]


class Sources:
    """The files of one config."""

    def __init__(self, path: Path | str) -> None:
        self.leaf = _read(Path(path), {})
        self.files = list(self.leaf.family())

    @property
    def flattened(self) -> bool:
        """Whether this is a merged config, as runs keep it: its variables are plain leftovers."""
        return len(self.files) == 1 and not (self.leaf.used & set(self.leaf.assigned))

    def uses(self, name: str) -> bool:
        """Return whether any of the files uses this variable."""
        return any(name in file.used or name in file.used_from_base for file in self.files)

    def names(self) -> set[str]:
        """Return the variables that some file uses and some file sets."""
        assigned = {name for file in self.files for name in file.assigned}
        return {name for name in assigned if self.uses(name) and not name.startswith("_")}

    def where(self, keys: Keys) -> str | None:
        """Return `file:line` of the innermost of `keys` that a file sets, the child's before its bases'."""
        best: tuple[int, SourceFile, int] | None = None
        for file in self.files:
            found = _locate(file, keys)
            if found and (best is None or found[0] > best[0]):
                best = found
        return f"{_shown(best[1].path)}:{best[2]}" if best else None

    def sets(self, keys: Keys) -> bool:
        """Return whether a file sets all of `keys`, not only the first of them."""
        return any((_locate(file, keys) or (0,))[0] == len(keys) for file in self.files)

    def lost(self, read: set[str]) -> list[Lost]:
        """Return the variables that a child sets after its bases have used them."""
        found = []
        for file in self.files:
            above = [heir for heir in self.files if heir is not file and file in heir.family()]
            beneath = [base for base in file.family() if base is not file]
            for name in file.assigned:
                effective = name in read or name in file.used or name.startswith("_")
                effective = effective or any(name in heir.used_from_base | heir.used for heir in above)
                if not effective and any(name in base.used for base in beneath):
                    place = f"{_shown(file.path)}:{file.lines[name]}"
                    found.append(Lost(name, place, self.targets(name, read, beneath)))
        return found

    def targets(self, name: str, read: set[str], files: list[SourceFile] | None = None) -> tuple[Keys, ...]:
        """Return the keys that took this variable's value."""
        found: dict[Keys, None] = {}
        for file in self.files if files is None else files:
            for top in file.assigned:
                if top in read:
                    for expression in file.assigned[top]:
                        found.update(dict.fromkeys(_taking(name, expression, (top,), file, depth=0)))
        return tuple(found)


def _read(path: Path, seen: dict[Path, SourceFile]) -> SourceFile:
    if path in seen:
        return seen[path]
    file = seen[path] = SourceFile(path)
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        file.readable = False
    else:
        tree = _parse(text)
        _note_assignments(file, tree)
        file.used = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
        }
        file.used |= _set_otherwise(tree)
        file.used_from_base = set(re.findall(r"\b_base_\.(\w+)", text))
    file.bases = [_read(base, seen) for base in _bases(file) if base.is_file()]
    return file


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:  # mmengine's `{{$NAME:default}}` outside quotes
        return ast.parse(re.sub(r"\{\{\s*\$[^}]*\}\}", "None", text))


def _note_assignments(file: SourceFile, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                file.assigned.setdefault(target.id, []).append(value)
                file.lines[target.id] = node.lineno


def _set_otherwise(tree: ast.Module) -> set[str]:
    """Return names that a loop, a `with`, an import, a def or `+=` sets: what they leave behind is no key."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension | ast.AugAssign | ast.NamedExpr):
            found |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            found |= {name.id for name in ast.walk(node.optional_vars) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            pairs = [target for target in node.targets if isinstance(target, ast.Tuple | ast.List)]
            found |= {name.id for pair in pairs for name in ast.walk(pair) if isinstance(name, ast.Name)}
    return found


def _bases(file: SourceFile) -> list[Path]:
    from mmengine.config import Config

    try:
        if file.path.suffix == ".py" and Config._is_lazy_import(str(file.path)):
            return _lazy_bases(file.path)
        named = Config._get_base_files(str(file.path))
    except Exception:  # the config was loaded, so it is our reading that falls short
        return []
    found = []
    for name in named:
        try:
            found.append(Path(Config._get_cfg_path(name, str(file.path))[0]).resolve())
        except Exception:
            continue
    return found


def _lazy_bases(path: Path) -> list[Path]:
    """Return the files that `with read_base(): from .x import *` names relative to this one."""
    found = []
    for block in ast.parse(path.read_text(encoding="utf-8")).body:
        for node in block.body if isinstance(block, ast.With) else []:
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = path.parents[node.level - 1]
                found.append(folder.joinpath(*(node.module or "").split(".")).with_suffix(".py").resolve())
    return found


def _locate(file: SourceFile, keys: Keys) -> tuple[int, SourceFile, int] | None:
    """Follow keys from a top-level name inwards; return how far it went, and where it ended."""
    name = str(keys[0])
    if name not in file.assigned:
        return None
    return _follow(file, file.assigned[name][-1], keys, 1, file.lines[name], depth=0)


def _follow(
    file: SourceFile, value: ast.expr, keys: Keys, at: int, line: int, *, depth: int
) -> tuple[int, SourceFile, int]:
    here = (at, file, line)
    if at == len(keys) or depth > 30:
        return here
    inherited = _from_base(value)
    if inherited or isinstance(value, ast.Name):
        name = inherited or value.id  # type: ignore[attr-defined]
        places = [base for base in file.family() if base is not file] if inherited else list(file.family())
        for place in places:
            if name in place.assigned and place.assigned[name][-1] is not value:
                return _follow(place, place.assigned[name][-1], keys, at, place.lines[name], depth=depth + 1)
        return here
    for key, inner, inner_line in _children(value):
        if key == keys[at]:
            return _follow(file, inner, keys, at + 1, inner_line, depth=depth + 1)
    return here


def _children(value: ast.expr) -> Iterator[tuple[str | int, ast.expr, int]]:
    """Yield (key, expression, line) of what a dict, list or tuple in a config's source holds."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("dict", "list"):
        yield from ((word.arg, word.value, word.lineno) for word in value.keywords if word.arg is not None)
    elif isinstance(value, ast.Dict):
        for key, inner in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str | int):
                yield key.value, inner, key.lineno
    elif isinstance(value, ast.List | ast.Tuple):
        for index, inner in enumerate(value.elts):
            if isinstance(inner, ast.Starred):
                return
            yield index, inner, inner.lineno


def _from_base(value: ast.expr) -> str | None:
    """Return x for `_base_.x` and `{{_base_.x}}`."""
    while isinstance(value, ast.Set) and len(value.elts) == 1:
        value = value.elts[0]
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "_base_":
        return value.attr
    return None


def _taking(name: str, value: ast.expr, keys: Keys, file: SourceFile, *, depth: int) -> Iterator[Keys]:
    """Yield the keys under `value` that hold the variable `name`."""
    if depth > 30:
        return
    if isinstance(value, ast.Name):
        if value.id == name:
            yield keys
        else:
            for inner in file.assigned.get(value.id, [])[-1:]:
                yield from _taking(name, inner, keys, file, depth=depth + 1)
        return
    if _from_base(value) == name:
        yield keys
        return
    children = list(_children(value))
    for key, inner, _ in children:
        yield from _taking(name, inner, (*keys, key), file, depth=depth + 1)
    if not children and any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(value)):
        yield keys


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def dotted(keys: Any) -> str:
    """Return keys as `--cfg-options` takes them: `a.b.0.c`."""
    return ".".join(map(str, keys))
