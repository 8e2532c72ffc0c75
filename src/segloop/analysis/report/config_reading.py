"""Reads configs as data, without running them: values of a flat one, and reasons out of comments.

A reason stands behind a value (`dilations=(1, 3, 6, 9),  # on 12x12 maps …`) or in the lines above an
assignment. It holds for the value beside it: where a child config or the command line has set another value,
the base's reason is dropped, never carried over.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.analysis.flat_config import no_value, parse_config, value_of

ON_THE_COMMAND_LINE = "set on the command line"
UNKNOWN = object()  # the value of code, which is not run


@dataclass(frozen=True)
class Reason:
    """Why a value is what it is, the config file that says so, and the value that it says it of."""

    text: str
    file: str
    value: Any = UNKNOWN

    def holds_for(self, value: Any) -> bool:
        """Return whether this is said of a value: a config may have been edited since."""
        return self.value is UNKNOWN or _plain(self.value) == _plain(value)


def value_at(config: Any, path: Sequence[str | int]) -> Any:
    """Return the value at a path, None where there is none."""
    for step in path:
        in_list = isinstance(config, list | tuple) and isinstance(step, int) and step < len(config)
        if in_list or (isinstance(config, dict) and step in config):
            config = config[step]
        else:
            return None
    return config


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as `--cfg-options` names it."""
    return ".".join(map(str, path))


def split_path(key: str) -> tuple[str | int, ...]:
    """Return the path of a dotted key.

    >>> split_path("model.loss_decode.1.type")
    ('model', 'loss_decode', 1, 'type')
    """
    return tuple(int(step) if step.isdigit() else step for step in key.split("."))


def read_reasons(file: Path, *, overrides: Sequence[str] = ()) -> dict[str, Reason]:
    """Return the reasons of a config and its bases, by dotted path; `overrides` are KEY=VALUE.

    Of a config in YAML or JSON, and of one as a base, there are none.
    """
    reasons = _of_chain(file.resolve(), seen=())
    for override in overrides:
        key = override.partition("=")[0]
        _drop(reasons, key)
        reasons[key] = Reason(ON_THE_COMMAND_LINE, "")
    return reasons


def _of_chain(file: Path, *, seen: tuple[Path, ...]) -> dict[str, Reason]:
    if file in seen or not file.is_file():
        return {}  # training would have refused it; a report tells what it can
    if file.suffix != ".py":
        return {}
    tree, comments = parse_config(file), _comments(file)
    bases: Any = next(
        (
            value_of(node.value, code=no_value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "_base_"
        ),
        [],
    )
    reasons: dict[str, Reason] = {}
    for base in [bases] if isinstance(bases, str) else bases or []:
        if isinstance(base, str) and "::" not in base:
            reasons |= _of_chain((file.parent / base).resolve(), seen=(*seen, file))
    for path, reason, node in _said(tree, comments):
        key = dotted(path)
        if not isinstance(node, ast.Call | ast.Dict) or _deletes(node):
            _drop(reasons, key)
        if reason:
            reasons[key] = Reason(reason, file.name, _literal(node))
    return reasons


def _deletes(node: ast.expr) -> bool:
    return any(step == "_delete_" for step, _, _ in _children(node))


def _literal(node: ast.expr) -> Any:
    """Return a value that is written out; names and mmengine's {{…}} are worth what they come to."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return UNKNOWN
    return UNKNOWN if isinstance(value, dict) or "{{" in repr(value) else value


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _drop(reasons: dict[str, Reason], key: str) -> None:
    for each in [name for name in reasons if name == key or name.startswith(f"{key}.")]:
        del reasons[each]


def _said(
    tree: ast.Module, comments: Mapping[int, tuple[bool, str]]
) -> Iterator[tuple[tuple[str | int, ...], str, ast.expr]]:
    """Yield each path that a config sets, what is said of it, and what it is set to."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name != "_base_":
                yield from _walk(
                    (name,), node.value, node.lineno, comments, above=_above(node.lineno, comments)
                )


def _walk(
    path: tuple[str | int, ...],
    node: ast.expr,
    line: int,
    comments: Mapping[int, tuple[bool, str]],
    *,
    above: str = "",
) -> Iterator[tuple[tuple[str | int, ...], str, ast.expr]]:
    parts = _children(node)
    alone = node.end_lineno == line
    if alone and len(parts) == 1 and isinstance(node, ast.Call | ast.Dict):
        # one value in one line: what is said is said of it, not of what it lies in
        yield path, "", node
        step, child, _ = parts[0]
        yield from _walk((*path, step), child, line, comments, above=above)
        return
    own = comments.get(node.end_lineno or line) if not parts else comments.get(line)
    behind = own[1] if own is not None and not own[0] else ""
    yield path, " ".join(filter(None, (above, behind))), node
    for step, child, at in parts:
        if alone:  # the comment of the line was given to the whole
            yield from _walk((*path, step), child, at, {})
        else:
            yield from _walk((*path, step), child, at, comments, above=_above(at, comments))


def _children(node: ast.expr) -> list[tuple[str | int, ast.expr, int]]:
    if isinstance(node, ast.Call):
        return [(each.arg, each.value, each.lineno) for each in node.keywords if each.arg]
    if isinstance(node, ast.Dict):
        return [
            (str(key.value), value, key.lineno)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        ]
    if isinstance(node, ast.List):
        return [(place, each, each.lineno) for place, each in enumerate(node.elts)]
    return []


def _above(line: int, comments: Mapping[int, tuple[bool, str]]) -> str:
    """Return the comment in the lines right above one, unless the file opens with it."""
    lines: list[str] = []
    line -= 1
    while line in comments and comments[line][0]:
        lines.insert(0, comments[line][1])
        line -= 1
    return "" if line < 1 else " ".join(lines).strip()


def _comments(file: Path) -> dict[int, tuple[bool, str]]:
    """Return comments by line: whether they have the line to themselves, and what they say."""
    found = {}
    text = file.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            said = token.string.lstrip("# ").rstrip()
            if not said.startswith(("noqa", "fmt:", "type:")):
                found[token.start[0]] = (not token.line[: token.start[1]].strip(), said)
    return found
