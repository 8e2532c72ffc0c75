"""Walks a merged config and binds every component's arguments to what its class takes."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from numbers import Number
from typing import Any

import mmengine.registry
from mmengine.registry import Registry

from segloop.experiments.strict import hints
from segloop.experiments.strict.signatures import Signature, deep_words_of, signature_of, words_of
from segloop.experiments.strict.sources import Keys
from segloop.utils.errors import nearest

UNKNOWN = "there is no"  # how a fault begins that names what is not registered
RESERVED = {"type", "_scope_", "_delete_"}
ROOTS = {root.name: root for root in vars(mmengine.registry).values() if isinstance(root, Registry)}
HOOK_NAMES = (
    *("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint", "visualization"),
    *("live_line", "record", "early_stop", "finite_loss"),
)

# What mmcv's build_*_layer functions build; they add the channels, which no config names.
LAYERS = {"dcn", "sac", "roi_layer", "nms"}  # and all whose key ends in `_cfg`
BUILDERS_TAKE = {"requires_grad": bool, "class_agnostic": bool, "split_thr": float}
FOREIGN = {"Albu"}  # its dicts are built by another library


@dataclass(frozen=True)
class Fault:
    """What is wrong at some keys; `absent` if a package that is not installed would bring it."""

    keys: Keys
    text: str
    absent: bool = False


@dataclass
class Section:
    """A part of the config: what may stand in it, the words of its components' code, its plain dicts."""

    kinds: tuple[str, ...]
    words: set[str] = field(default_factory=set)  # that are known without looking at code
    components: list[Any] = field(default_factory=list)
    plain: list[tuple[Keys, Mapping]] = field(default_factory=list)


@dataclass(frozen=True)
class Role:
    """What whoever builds a component adds to its dict, takes out of it, and assumes without a `type`."""

    kinds: tuple[str, ...]
    given: frozenset[str] = frozenset()
    consumed: frozenset[str] = frozenset()
    default: str | None = None
    exact: bool = True  # the builder is known: it adds and takes nothing else
    partial: bool = False  # the builder adds arguments of its own that nobody lists


# Under these keys only one kind of component stands, whatever holds them.
NESTED = {
    "pipeline": Role(("transform",), exact=False),
    "transforms": Role(("transform",), exact=False),
    "init_cfg": Role(("weight initializer",), consumed=frozenset({"override", "name"}), exact=False),
    "vis_backends": Role(("vis_backend",), exact=False),
}


class Walk:
    """One pass over one config; what is wrong gathers in `faults`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.scope = config.get("default_scope") or "mmengine"
        self.faults: list[Fault] = []
        self.doubts: list[Fault] = []  # what probably has no effect
        self.section = Section(())

    def fault(self, keys: Keys, text: str, *, absent: bool = False) -> None:
        """Note what is wrong at `keys`."""
        self.faults.append(Fault(keys, text, absent))

    def component(
        self,
        value: Any,
        keys: Keys,
        role: Role,
        *,
        scope: str | None = None,
        holder: Any = None,
    ) -> None:
        """Check one component's dict; `holder` is the class of the component around it."""
        if not isinstance(value, Mapping):
            if isinstance(value, hints.PLAIN):
                self.fault(keys, f"{_shown(value)} stands where a dict with a 'type' belongs")
            return
        scope = value.get("_scope_") or scope or self.scope
        kind = value.get("type", role.default)
        if kind is None:
            self.fault(keys, f"has no 'type'.{_guess('type', value)}")
            return
        target = self.resolve(kind, (*keys, "type"), role, scope=scope, holder=holder)
        if target is not None:
            self.section.components.append(target)
            self.arguments(value, keys, target, role, scope=scope, holder=holder)

    def arguments(
        self,
        value: Mapping[str, Any],
        keys: Keys,
        target: Callable[..., Any],
        role: Role,
        *,
        scope: str,
        holder: Any,
    ) -> None:
        """Bind a component's keys to its signature, and look into its values."""
        signature, name = signature_of(target), _name(target)
        taken = frozenset() if role.exact or holder is None else words_of(holder)
        if role.partial and holder is not None:
            taken = deep_words_of(holder) | BUILDERS_TAKE.keys()
        for key, inner in value.items():
            if key in RESERVED or key in role.consumed:
                continue
            argument = signature.arguments.get(key)
            if argument is None:
                if key not in taken:
                    self.unknown_argument((*keys, key), signature, name)
                elif not hints.fits(inner, BUILDERS_TAKE.get(key, Any)):
                    self.fault((*keys, key), f"cannot be {_shown(inner)}")
            elif argument.refuses(inner) or (key.endswith("_cfg") and _is_scalar(inner)):
                self.fault((*keys, key), f"{name}'s {key!r} cannot be {_shown(inner)}")
                continue
            if (argument is not None or signature.open) and name not in FOREIGN:
                self.inside(inner, (*keys, key), scope=scope, holder=target)
        self.missing(value, keys, signature, role, name=name, holder=holder)

    def unknown_argument(self, keys: Keys, signature: Signature, name: str) -> None:
        """Refuse an argument that a class does not take; one that takes anything may still be misspelt."""
        key = str(keys[-1])
        if not signature.open:
            self.fault(keys, f"{name} takes no {key!r}.{_guess(key, signature.arguments)}")
        elif guess := misspelt(key, signature.arguments):
            self.fault(keys, f"{name} knows no {key!r}.{guess}")

    def missing(
        self,
        value: Mapping[str, Any],
        keys: Keys,
        signature: Signature,
        role: Role,
        *,
        name: str,
        holder: Any,
    ) -> None:
        """Name the arguments that a component needs and neither its dict nor its builder gives."""
        needed = {key for key, argument in signature.arguments.items() if argument.required}
        needed -= set(value) | role.given
        if needed and holder is not None and not role.exact:
            needed -= deep_words_of(holder)
        if needed and not role.partial:
            self.fault(keys, f"{name} needs {' and '.join(repr(key) for key in sorted(needed))}")

    def inside(self, value: Any, keys: Keys, *, scope: str, holder: Any, within_plain: bool = False) -> None:
        """Look for components inside an argument; `within_plain`: in a dict such as a model's `train_cfg`."""
        if isinstance(value, Mapping):
            if "type" in value:
                name = _last_name(keys)
                role = NESTED.get(name) or Role(self.section.kinds, exact=False)
                layer = name in LAYERS or (name.endswith("_cfg") and name != "init_cfg")
                if layer or within_plain or not isinstance(value["type"], str):
                    role = replace(role, partial=True)
                self.component(value, keys, role, scope=scope, holder=holder)
                return
            self.section.plain.append((keys, value))
            for key, inner in value.items():
                self.inside(inner, (*keys, key), scope=scope, holder=holder, within_plain=True)
        elif isinstance(value, list | tuple):
            components = _last_name(keys) in NESTED
            components = components or any(isinstance(each, Mapping) and "type" in each for each in value)
            for index, inner in enumerate(value):
                if components and (_is_scalar(inner) or (isinstance(inner, Mapping) and "type" not in inner)):
                    self.fault((*keys, index), f"needs a 'type', and is {_shown(inner)}")
                    continue
                self.inside(inner, (*keys, index), scope=scope, holder=holder, within_plain=within_plain)

    def resolve(self, kind: Any, keys: Keys, role: Role, *, scope: str, holder: Any = None) -> Any:
        """Return the class or function that a `type` names, or None after noting that there is none."""
        if not isinstance(kind, str):
            if not callable(kind):
                self.fault(keys, f"'type' is a name, not {_shown(kind)}")
                return None
            return kind
        prefix = kind.partition(".")[0] if "." in kind else scope
        if not _importable(prefix):
            self.fault(keys, f"{kind!r} is of {prefix!r}, which is not installed", absent=True)
            return None
        known: list[str] = []
        for registry in (registry_of(name, scope) for name in role.kinds):
            found = _find(registry, kind)
            if found is not None:
                return found
            known += names_in(registry)
        if not role.exact and holder is not None:
            if kind in words_of(holder):  # the component around it reads this type itself
                return None
            operator = getattr(import_module("mmcv.ops"), kind, None)
            if callable(operator):  # `roi_layer` and `nms` name operators
                return operator
        what = role.kinds[0] if len(role.kinds) == 1 else "component"
        self.fault(keys, f"{UNKNOWN} {what} {kind!r}.{_guess(kind, known)}")
        return None

    def shape(self, value: Any, keys: Keys, shape: Any) -> None:
        """Check a dict that is no component against its declaration in `shapes`."""
        declared = typing.get_type_hints(shape)
        for key, inner in value.items():
            if key not in declared:
                self.fault((*keys, key), f"nothing reads {key!r} here.{_guess(key, declared)}")
            else:
                self.value(inner, (*keys, key), declared[key])

    def value(self, value: Any, keys: Keys, hint: Any) -> None:
        """Check one value against a declared hint, a TypedDict among them."""
        choices = typing.get_args(hint) if typing.get_origin(hint) not in (list, dict) else ()
        nested = [one for one in (*choices, hint) if typing.is_typeddict(one)]
        if nested and isinstance(value, Mapping):
            self.shape(value, keys, nested[0])
        elif not hints.fits(value, hint):
            wanted = f"; choose one of {', '.join(map(repr, choices))}" if choices and not nested else ""
            self.fault(keys, f"cannot be {_shown(value)}{wanted}")

    def settle_plain(self) -> None:
        """Look for keys of this section's plain dicts that none of its components' code ever mentions.

        Close to a word of that code they are refused as misspelt; else they are doubtful.
        """
        words: set[str] = {"type", "debug", *self.section.words}  # `debug` stands in half of mmdet's configs
        if self.section.plain:
            words |= frozenset().union(*map(deep_words_of, self.section.components))
        foreign: list[Keys] = []
        for keys, value in self.section.plain:
            names = [key for key in value if isinstance(key, str) and key.isidentifier()]
            unknown = [name for name in names if name not in words]
            if "type" not in value:
                slips = [name for name in names if name not in words and misspelt(name, ["type"])]
                self.faults += [
                    Fault((*keys, name), "nothing reads it. Did you mean 'type'?") for name in slips
                ]
            inherited = any(keys[: len(outer)] == outer for outer in foreign)
            if inherited or (len(unknown) > 1 and 2 * len(unknown) >= len(names)):
                foreign.append(keys)  # handed on to code that we do not see
                continue
            for name in unknown:
                guess = misspelt(name, words)
                note = self.faults if guess else self.doubts
                note.append(Fault((*keys, name), f"nothing reads {name!r} here.{guess}"))


def registry_of(name: str, scope: str) -> Registry:
    """Return the registry of a kind of component that mmengine would ask in this scope."""
    root = ROOTS[name]
    if scope == "mmengine":
        return root
    if _importable(scope):
        import_module(f"{scope}.registry")
    found = root._search_child(scope)
    return root if found is None else found  # a registry that is still empty counts as false


def names_in(registry: Registry | None) -> list[str]:
    """Return the names that a registry and those above it hold."""
    found: list[str] = []
    while registry is not None:
        found += registry.module_dict
        registry = registry.parent
    return found


def misspelt(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` if `name` is one slip (two in a long word) from a known name, else nothing.

    >>> misspelt("trian_cfg", ["train_cfg", "env_cfg"]), misspelt("norm_cfg", ["env_cfg"])
    (" Did you mean 'train_cfg'?", '')
    """
    close = get_close_matches(name, list(known), n=3, cutoff=0.6) if len(name) > 2 else []
    slips = 1 if len(name) < 8 else 2
    return next((f" Did you mean {word!r}?" for word in close if _distance(name, word) <= slips), "")


def _distance(left: str, right: str) -> int:
    """Count the letters to drop, add, replace or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                row[j] = min(row[j], earlier[j - 2] + 1)
    return row[-1]


def _find(registry: Registry, kind: str) -> Any:
    try:
        return registry.get(kind)
    except RuntimeError:  # "Failed to get …"
        return None


def _importable(scope: str) -> bool:
    try:
        import_module(f"{scope}.registry")
    except (ImportError, AttributeError):
        return scope == "mmengine"
    return True


def _name(target: Any) -> str:
    target = target.func if isinstance(target, partial) else target
    return getattr(target, "__name__", None) or type(target).__name__


def _last_name(keys: Keys) -> str:
    return next((key for key in reversed(keys) if isinstance(key, str)), "")


def _guess(name: str, known: Iterable[Any]) -> str:
    return nearest(name, [each for each in known if isinstance(each, str)])


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | Number) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
