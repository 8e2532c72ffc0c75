"""Reads what a component takes: its constructor's arguments, followed through `**kwargs` to its bases."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from numbers import Number
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from segloop.experiments.strict import hints

# Docstrings count only where they were checked: over all configs that these packages bring.
FOLLOWED = ("mmengine.", "mmcv.", "mmseg.", "mmdet.", "segloop.")
DOCUMENTED = ("mmengine.", "mmcv.", "mmseg.", "mmdet.", "torch.")
WRONGLY_DOCUMENTED = {"stdc_type"}  # an int, it says, and takes a name


@dataclass(frozen=True)
class Argument:
    """One argument, and what its annotation, its default and its docstring say that it may be."""

    required: bool
    declared: tuple[Any, ...] = ()
    by_default: tuple[Any, ...] = ()
    documented: tuple[Any, ...] = ()

    def refuses(self, value: Any) -> bool:
        """Return whether everything that is known of this argument speaks against `value`, for certain.

        A docstring alone is believed against a text only: many say `int` of what may be a list, and the
        other way round. One container in place of another is never refused, its elements may be.
        """
        known = self.declared + self.by_default + self.documented
        if any(hints.fits(value, hint) for hint in known):
            return False
        if isinstance(value, str):
            return bool(known)
        if isinstance(value, Number):
            several = any(hints.fits([value], hint) for hint in known)  # a number may stand for many
            return bool(self.declared + self.by_default) and not several
        if isinstance(value, Mapping):
            return bool(self.declared) and not any(
                hints.fits([], hint) or hints.fits({}, hint) for hint in known
            )
        if not isinstance(value, list | tuple) or not any(hints.fits([], hint) for hint in known):
            return False
        scalars = [each for each in value if isinstance(each, str | Number)]
        return any(not hints.fits([each], hint) for each in scalars for hint in known) and not any(
            all(hints.fits([each], hint) for each in scalars) for hint in known
        )


@dataclass
class Signature:
    """What a class or function takes; `open` where its `**kwargs` swallow whatever they are given."""

    arguments: dict[str, Argument] = field(default_factory=dict)
    open: bool = False


@cache
def signature_of(target: Callable[..., Any]) -> Signature:
    """Return the arguments that a registered class or function takes by name."""
    if not inspect.isclass(target):
        return _of_function(target)
    signature = Signature()
    _add_constructor(signature, target.__mro__, filled=set())
    if not signature.arguments and _own_init_takes_kwargs(target):
        signature.open = True  # its base is a stand-in for a package that is not installed
    return signature


def _own_init_takes_kwargs(target: type) -> bool:
    code = getattr(inspect.unwrap(vars(target).get("__init__", object)), "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_VARKEYWORDS)


def _is_checked(target: Any) -> bool:
    return f"{target.__module__}.".startswith(DOCUMENTED)


def _of_function(target: Callable[..., Any]) -> Signature:
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return Signature(open=True)
    function = inspect.unwrap(getattr(target, "func", target))
    found = Signature(open=any(each.kind is each.VAR_KEYWORD for each in parameters))
    told = _annotations(function)
    for each in parameters:
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            documents = (function.__doc__,) if _is_checked(function) else ()
            found.arguments[each.name] = _argument(each, told, documents)
    return found


def _add_constructor(found: Signature, mro: tuple[type, ...], *, filled: set[str]) -> None:
    """Add the arguments of the first `__init__` in `mro`, and those of the ones that it hands kwargs to."""
    at = next((i for i, cls in enumerate(mro) if "__init__" in vars(cls)), len(mro) - 1)
    owner, rest = mro[at], mro[at + 1 :]
    if owner in (object, nn.Module):  # both refuse what they do not know
        return
    function = inspect.unwrap(vars(owner)["__init__"])
    if not isinstance(function, FunctionType):
        found.open = True
        return
    for name in _former_names(vars(owner)["__init__"]):
        found.arguments.setdefault(name, Argument(required=False))
    told = _annotations(function)
    documents = tuple(each.__doc__ for each in (function, *mro[: at + 1]) if _is_checked(each))
    swallow = ""
    for each in list(inspect.signature(function).parameters.values())[1:]:
        if each.kind is each.VAR_KEYWORD:
            swallow = each.name
        elif each.kind is not each.VAR_POSITIONAL and each.name not in filled:
            found.arguments.setdefault(each.name, _argument(each, told, documents))
    if not swallow:
        return
    fate = _fate_of_kwargs(function, swallow)
    for name in fate.read:
        found.arguments.setdefault(name, Argument(required=False))
    if fate.forwarded is None:
        found.open = True
        return
    taken = filled | set(fate.forwarded) | set(found.arguments)
    skipped = [index for index, cls in enumerate(mro) if cls.__name__ == fate.beyond]
    if skipped:  # super(Other, self) begins to look behind Other
        rest = mro[skipped[0] + 1 :]
    if rest:
        taken |= _positional_names(rest, fate.positional)
        _add_constructor(found, rest, filled=taken)


def _former_names(function: Any) -> Iterator[str]:
    """Yield the argument names that mmcv's `deprecated_api_warning` still translates."""
    while function is not None:
        code = getattr(function, "__code__", None)
        for name, cell in zip(code.co_freevars if code else (), function.__closure__ or (), strict=False):
            if name == "name_dict":
                yield from cell.cell_contents
        function = getattr(function, "__wrapped__", None)


@dataclass
class _Fate:
    forwarded: list[str] | None  # names given beside **kwargs to the base's constructor; None: not followed
    positional: int = 0
    beyond: str = ""  # the class named in super(Class, self)
    read: set[str] = field(default_factory=set)


@cache
def _fate_of_kwargs(function: FunctionType, name: str) -> _Fate:
    """Find out whether a constructor only reads single names of its kwargs and hands the rest to its base."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return _Fate(None)
    fate = _Fate(None)
    understood: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            handed = [word.value for word in node.keywords if word.arg is None]
            mine = [value for value in handed if isinstance(value, ast.Name) and value.id == name]
            if mine and _is_base_constructor(node.func) and fate.forwarded is None:
                fate.forwarded = [word.arg for word in node.keywords if word.arg is not None]
                called = node.func.value  # type: ignore[attr-defined]
                explicit_self = not isinstance(called, ast.Call)
                if isinstance(called, ast.Call) and called.args and isinstance(called.args[0], ast.Name):
                    fate.beyond = called.args[0].id
                given = [each for each in node.args if not isinstance(each, ast.Starred)]
                fate.positional = len(given) - explicit_self
                understood.update(map(id, mine))
        for base, key in _reads(node):
            if isinstance(base, ast.Name) and base.id == name:
                fate.read.add(key)
                understood.add(id(base))
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    if any(id(use) not in understood for use in uses):
        return _Fate(None, read=fate.read)
    return fate


def _is_base_constructor(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr == "__init__"


def _reads(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield (d, key) for `d.get(key)`, `d.pop(key)`, `d[key]`, `d.setdefault(key, …)` and `key in d`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr in ("get", "pop", "setdefault") and isinstance(node.args[0], ast.Constant):
            yield node.func.value, str(node.args[0].value)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        yield node.value, str(node.slice.value)
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
        for other in node.comparators:
            yield other, str(node.left.value)


def _positional_names(mro: tuple[type, ...], count: int) -> set[str]:
    for cls in mro:
        if "__init__" in vars(cls) and cls is not object:
            return set(list(inspect.signature(vars(cls)["__init__"]).parameters)[1 : count + 1])
    return set()


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only a type checker sees
        told = getattr(function, "__annotations__", {})
        return {name: _evaluated(hint, function) for name, hint in told.items()}


def _evaluated(hint: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, _globals(function))  # as get_type_hints does, one at a time
    except Exception:
        return Any


def _argument(
    parameter: inspect.Parameter, told: dict[str, Any], documents: tuple[str | None, ...]
) -> Argument:
    name, required = parameter.name, parameter.default is parameter.empty
    default = None if required else hints.of_default(parameter.default)
    described = (hints.of_docstring(text, name) for text in documents)
    document = next((hint for hint in described if hint is not None), None)
    declared = () if told.get(name, Any) is Any else (told[name],)
    if declared and document is not None:
        both_hold_several = hints.fits([], declared[0]) and hints.fits([], document)
        if document is Any or both_hold_several:  # then the annotation says more
            document = None
    return Argument(
        required,
        declared=declared,
        by_default=() if default is None else (default,),
        documented=() if document in (None, dict) or name in WRONGLY_DOCUMENTED else (document,),
    )


@cache
def words_of(target: Callable[..., Any]) -> frozenset[str]:
    """Return every name and text that the code of a class and its bases (or of a function) mentions."""
    if not inspect.isclass(target):
        code = getattr(inspect.unwrap(target), "__code__", None)
        return frozenset(_words(code)) if code else frozenset()
    found: set[str] = set()
    for cls in target.__mro__:
        if cls is object or cls.__module__.startswith(("torch.", "typing", "abc")):
            continue
        for member in vars(cls).values():
            found |= _member_words(member)
    return frozenset(found)


@cache
def deep_words_of(target: Callable[..., Any]) -> frozenset[str]:
    """Return the words of a component and of the functions and classes that its code names, and theirs."""
    found: set[str] = set()
    queue, seen = [(target, 0)], set()
    while queue:
        each, depth = queue.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        words = words_of(each)
        found |= words
        if depth < 3:
            spaces = [_globals(cls) for cls in (each.__mro__ if inspect.isclass(each) else (each,))]
            for named in (space[word] for space in spaces for word in words & space.keys()):
                if callable(named) and str(getattr(named, "__module__", "")).startswith(FOLLOWED):
                    queue.append((named, depth + 1))
    return frozenset(found)


def _globals(target: Any) -> dict[str, Any]:
    return vars(sys.modules[target.__module__]) if getattr(target, "__module__", None) in sys.modules else {}


def _member_words(member: Any) -> set[str]:
    if isinstance(member, dict):
        return {key for key in member if isinstance(key, str)}
    if isinstance(member, property):
        member = member.fget
    member = inspect.unwrap(getattr(member, "__func__", member)) if callable(member) else member
    code = getattr(member, "__code__", None)
    return set(_words(code)) if isinstance(code, CodeType) else set()


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_varnames
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from (item for item in constant if isinstance(item, str))
        elif isinstance(constant, CodeType):
            yield from _words(constant)
