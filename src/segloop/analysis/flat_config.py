"""Reads a config as data: nothing in it is executed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segloop.utils.errors import FormatError

Code = Callable[[ast.expr], Any]


def no_value(node: ast.expr) -> None:
    """Return None: of code, nothing is to be told."""


def parse_config(file: Path) -> ast.Module:
    """Return the syntax of a config."""
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"cannot be read as a config ({error})", file=file) from None


def read_flat_config(file: Path, *, code: Code = ast.unparse) -> dict[str, Any]:
    """Return the values of a flattened config, as SegLoop writes it; `code` says what code is worth."""
    return {
        node.targets[0].id: value_of(node.value, code=code)
        for node in parse_config(file).body
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    }


def value_of(node: ast.expr, *, code: Code = ast.unparse) -> Any:
    """Return what an expression is worth; what is no plain value is worth what `code` says, its text.

    >>> value_of(ast.parse("dict(type='ResNet', depth=[18, 2 * n])", mode="eval").body)
    {'type': 'ResNet', 'depth': [18, '2 * n']}
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {each.arg: value_of(each.value, code=code) for each in node.keywords if each.arg}
    if isinstance(node, ast.Dict):
        return {
            value_of(key, code=code): value_of(value, code=code)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.List):
        return [value_of(each, code=code) for each in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(value_of(each, code=code) for each in node.elts)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return code(node)
