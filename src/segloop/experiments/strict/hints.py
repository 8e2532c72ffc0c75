"""Says whether a config's value can be what a signature declares, and only where that is certain."""

from __future__ import annotations

import collections.abc
import re
import types
import typing
from collections.abc import Mapping
from numbers import Number
from typing import Any

# How OpenMMLab's docstrings name types: `depth (int): …`, `scale (int | tuple[int], optional): …`.
WORDS: dict[str, Any] = {
    "int": float,  # what is called int is often given 1.0, and the other way round
    "float": float,
    "number": float,
    "bool": bool,
    "boolean": bool,
    "str": str,
    "string": str,
    "dict": dict,
    "ConfigDict": dict,
    "list": list,
    "List": list,
    "tuple": list,
    "Tuple": list,
    "Sequence": list,
    "Iterable": list,
    "Tensor": float | list,  # what becomes one
    "None": None,
}
PLAIN = (str, Number, list, tuple, Mapping)
BUILT = ("torch.nn", "torch.utils.data", "mmengine.", "mmcv.", "mmseg.", "mmdet.")
FILLERS = {"optional", "or", "of", "obj", "and", "default", "defaults", "to", "ints", "floats"}


def fits(value: Any, hint: Any) -> bool:
    """Return whether `value` may be a `hint`; what is not known for certain fits.

    >>> fits("three", int), fits(3, float), fits("a", list[str]), fits([1, "b"], list[int]), fits(1, object)
    (False, True, False, False, True)
    """
    if value is None or hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return not isinstance(value, str | Number) or value in inner
    kind = origin or hint
    if not isinstance(kind, type) or not isinstance(value, PLAIN):
        return True
    return _fits_kind(value, kind, inner)


def _fits_kind(value: Any, kind: type, inner: tuple[Any, ...]) -> bool:
    if kind is bool:
        return isinstance(value, bool) or (isinstance(value, Number) and value in (0, 1))
    if kind in (int, float, complex, Number):
        return isinstance(value, Number)
    if issubclass(kind, str):
        return isinstance(value, str)
    if kind is types.NoneType:
        return False
    if kind is object:
        return True
    if issubclass(kind, Mapping):
        return _is_mapping(value, inner)
    if kind.__module__ in ("builtins", "collections.abc", "typing"):
        if kind is not collections.abc.Callable and issubclass(kind, collections.abc.Iterable):
            return isinstance(value, list | tuple) and _elements_fit(value, inner)
        return True
    # A class that only a component's dict can become: never a number, a text or a truth value.
    built = kind.__module__.startswith(BUILT) or kind.__name__ == "Tensor"
    return not (built and isinstance(value, str | Number))


def _is_mapping(value: Any, inner: tuple[Any, ...]) -> bool:
    if not isinstance(value, Mapping):
        return False
    return len(inner) < 2 or all(fits(item, inner[1]) for item in value.values())


def _elements_fit(value: list | tuple, inner: tuple[Any, ...]) -> bool:
    hints = [hint for hint in inner if hint is not Ellipsis]
    return not hints or all(any(fits(item, hint) for hint in hints) for item in value)


def of_default(default: Any) -> Any:
    """Return the hint that a default value gives, or None where it gives none.

    >>> of_default(1), of_default("x"), of_default((1, 2)), of_default(None)
    (<class 'float'>, <class 'str'>, list[float], None)
    """
    if isinstance(default, bool):
        return bool
    if isinstance(default, Number):
        return float
    if isinstance(default, str):
        return str
    if isinstance(default, Mapping):
        return dict
    if isinstance(default, list | tuple):
        kinds = {of_default(item) for item in default}
        return list[kinds.pop()] if len(kinds) == 1 and None not in kinds else list  # type: ignore[misc]
    return None


def of_docstring(text: str | None, name: str) -> Any:
    """Return the hint in a docstring's `name (type): …`, Any for words that it does not know, else None.

    >>> of_docstring("Args:\\n    depth (int): Depth.", "depth")
    <class 'float'>
    >>> fits([1, 2], of_docstring("Args:\\n    scale (int | tuple[int], optional): Size.", "scale"))
    True
    >>> of_docstring("Args:\\n    head (ConvModule): A head.", "head")
    typing.Any
    """
    found = re.search(rf"^\s*{re.escape(name)}\s*\(((?:[^()]|\([^()]*\))*)\)\s*:", text or "", re.MULTILINE)
    if not found:
        return None
    told = re.split(r"(?i)\bdefaults?\b", found[1].replace("`", ""))[0]
    while re.search(r"\[[^\]]*\[", told):  # tuple[Union[float, Tensor], …]: the outermost word will do
        told = re.sub(r"\[[^\[\]]*\]", "", told)
    hints = [_of_words(part) for part in re.split(r"\||,(?![^\[]*\])|\bor\b|/", told) if part.strip(" .:")]
    hints = [hint for hint in hints if hint is not None]
    if not hints or Any in hints:
        return Any
    return typing.Union[tuple(hints)] if len(hints) > 1 else hints[0]  # noqa: UP007


def _of_words(text: str) -> Any:
    outer, _, within = text.partition("[")
    words = [word for word in re.findall(r"[A-Za-z_]\w*", outer) if word not in FILLERS]
    if not words:
        return None
    if len(words) > 1 or words[0] not in WORDS:
        return Any
    hint = WORDS[words[0]]
    if hint is list and within:
        names = re.findall(r"\w+", within)
        if names and all(WORDS.get(name) is float for name in names):
            return list[float]
    return hint
