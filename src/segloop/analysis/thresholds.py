"""`thresholds.json`: from which score or probability, and from which size on, something found counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from segloop.data.masks import Runs, components
from segloop.utils.atomic import read_json, write_json
from segloop.utils.errors import DataError, FormatError, UserError, listing, nearest

FILE_NAME = "thresholds.json"
FORMAT = 1
LEVELS = 255  # probabilities are kept, and compared, as bytes


@dataclass(frozen=True)
class InstanceRule:
    """An object of a class counts if it has at least this score and at least this many pixels."""

    score: float = 0.0
    min_area: int = 0

    def in_words(self) -> str:
        """Say from where on an object counts, in a few words."""
        return f"{self.score:g}" + (f" from {self.min_area} px" if self.min_area > 1 else "")


@dataclass(frozen=True)
class ComponentRule:
    """A pixel is of a class from this probability on; its connected part counts from this many pixels on.

    `connectivity` is 4 or 8: whether pixels that meet at a corner only are one part. `min_mean` is what the
    mean probability of a part's pixels must reach: a low `threshold` keeps all of a ship, and a high
    `min_mean` throws out the surf that the network half believes in.
    """

    threshold: float = 0.5
    min_area: int = 0
    connectivity: int = 8
    min_mean: float = 0.0

    def in_words(self) -> str:
        """Say from where on a part counts, in a few words."""
        sure = f", {self.min_mean:g} on the mean" if self.min_mean > 0 else ""
        return f"{self.threshold:g}{sure}" + (f" from {self.min_area} px" if self.min_area > 1 else "")


Rule = InstanceRule | ComponentRule
AnyRule = TypeVar("AnyRule", InstanceRule, ComponentRule)
KINDS: dict[str, type[InstanceRule] | type[ComponentRule]] = {
    "instance": InstanceRule,
    "components": ComponentRule,
}


@dataclass(frozen=True)
class Thresholds:
    """The rules of all classes, and what they were tuned on (`run`, `split`, `metric`, `score` …).

    >>> tuned = Thresholds({"ship": ComponentRule(0.6, min_area=12)})
    >>> tuned.kind, tuned.of(["ship"], ComponentRule)
    ('components', [ComponentRule(threshold=0.6, min_area=12, connectivity=8, min_mean=0.0)])
    """

    classes: Mapping[str, Rule]
    tuned_on: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None  # where they were read, for messages

    @property
    def kind(self) -> str:
        """What the rules are for: `instance` or `components`."""
        return next(name for name, kind in KINDS.items() if all(isinstance(r, kind) for r in self._rules))

    @property
    def _rules(self) -> list[Rule]:
        return list(self.classes.values())

    def require(self, kind: type[InstanceRule] | type[ComponentRule]) -> None:
        """Refuse rules that are for another kind of model."""
        if any(not isinstance(rule, kind) for rule in self._rules):
            wanted = next(name for name, each in KINDS.items() if each is kind)
            raise DataError(
                f"{self._place} holds thresholds of kind {self.kind!r}, and this model needs {wanted!r}: "
                "it was tuned for a model of another task. If the checkpoint beside it is that model, name "
                "one of this task; else tune again (tools/tune.py RUN) or remove the file."
            )

    @property
    def _place(self) -> str:
        return str(self.file) if self.file else FILE_NAME

    def doubt(self, checkpoint: str) -> str:
        """Return what to say where they were tuned on another checkpoint than this; nothing where not.

        >>> Thresholds({}, {"checkpoint": "iter_9.pth"}).doubt("last.pth")
        '; they were tuned on iter_9.pth, not on last.pth: tune again'
        """
        tuned_on = self.tuned_on.get("checkpoint")
        known = tuned_on not in (None, checkpoint)
        return f"; they were tuned on {tuned_on}, not on {checkpoint}: tune again" if known else ""

    def of(self, class_names: Sequence[str], kind: type[AnyRule]) -> list[AnyRule]:
        """Return one rule per class, in the order of the names; a DataError says what does not fit."""
        self.require(kind)
        unknown = [
            f"{name!r} is no class of this model.{nearest(name, class_names)}"
            for name in self.classes
            if name not in class_names
        ]
        missing = [f"{name!r} has no thresholds" for name in class_names if name not in self.classes]
        if unknown or missing:
            raise DataError(
                f"{self._place} does not fit the model's classes ({', '.join(class_names)}):\n"
                f"{listing(unknown + missing)}\nTune again (tools/tune.py RUN) or remove the file."
            )
        return [rule for name in class_names if isinstance(rule := self.classes[name], kind)]


def read_thresholds(path: Path | str) -> Thresholds:
    """Read a file of thresholds; all that is wrong with it is told in one FormatError.

    A folder stands for the file of that name in it.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    try:
        raw = read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; python tools/tune.py RUN writes it.") from None
    except IsADirectoryError:
        raise FormatError("this is a folder", file=path) from None
    problems = list(_problems(raw))
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=path)
    kind = KINDS[raw["kind"]]
    rules = {name: kind(**rule) for name, rule in raw["classes"].items()}
    return Thresholds(rules, raw.get("tuned_on") or {}, path)


def find_thresholds(work_dir: Path | str) -> Thresholds | None:
    """Return the thresholds that were tuned for a work_dir; None where none were."""
    path = Path(work_dir) / FILE_NAME
    return read_thresholds(path) if path.exists() else None


def write_thresholds(path: Path | str, thresholds: Thresholds) -> Path:
    """Write the file atomically (into a folder under its usual name), and return its path."""
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    value = {
        "format": FORMAT,
        "kind": thresholds.kind,
        "tuned_on": dict(thresholds.tuned_on),
        "classes": {name: asdict(rule) for name, rule in thresholds.classes.items()},
    }
    problems = list(_problems(value))
    if problems:
        raise FormatError(f"not written, {len(problems)} problem(s)\n{listing(problems)}", file=path)
    write_json(path, value)
    return path


def keep_instances(
    labels: npt.ArrayLike, scores: npt.ArrayLike, areas: npt.ArrayLike, *, rules: Sequence[InstanceRule]
) -> npt.NDArray[np.bool_]:
    """Return which objects count, bool [objects], from their class indices, scores and areas in pixels.

    >>> keep_instances([0, 1, 1], [0.4, 0.4, 0.9], [9, 9, 2], rules=[InstanceRule(0.5), InstanceRule(0.3, 4)])
    array([False,  True, False])
    """
    index = np.asarray(labels, np.int64)
    score = np.array([rule.score for rule in rules], np.float64)
    area = np.array([rule.min_area for rule in rules], np.int64)
    return (np.asarray(scores, np.float64) >= score[index]) & (np.asarray(areas) >= area[index])


def as_bytes(probability: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return probabilities as the bytes in which they are kept and compared, 255 being 1.

    What is tuned on stored bytes and what is applied to a network's floats are then the same pixels.
    """
    values = np.asarray(probability)
    if values.dtype == np.uint8:
        return values
    # nan is no probability of anything
    return np.rint(np.nan_to_num(values, nan=0.0).clip(0, 1) * LEVELS).astype(np.uint8)


def least_byte(threshold: float) -> int:
    """Return the lowest byte that reaches a threshold."""
    return int(np.clip(np.rint(threshold * LEVELS), 1, LEVELS))


def sure_enough(
    sums: npt.ArrayLike, areas: npt.ArrayLike, *, min_mean: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Return which parts reach a mean probability, from the sums of their bytes and their pixels."""
    least = np.asarray(min_mean, np.float64) * LEVELS * np.asarray(areas, np.float64)
    return np.asarray(np.asarray(sums, np.float64) >= least - 1e-6)  # 0.6 of 255 is no whole number


def cut_components(probability: npt.ArrayLike, *, rule: ComponentRule) -> list[Runs]:
    """Return the parts of a class that count, as run lengths, by their first pixel column by column.

    `probability` is [H, W]: bytes, or floats in 0 … 1.

    >>> len(cut_components(np.array([[0.9, 0.1, 0.9], [0.9, 0.1, 0.1]]), rule=ComponentRule(0.5, min_area=2)))
    1
    """
    chances = as_bytes(probability)
    mask = chances >= least_byte(rule.threshold)
    if not mask.any():
        return []
    parts = components(mask, connectivity=rule.connectivity)
    parts = [part for part in parts if int(part[1::2].sum()) >= rule.min_area]
    # No part's mean is below its lowest pixel.
    if not parts or rule.min_mean * LEVELS <= least_byte(rule.threshold):
        return parts
    before = np.append(0, np.cumsum(chances.ravel(order="F"), dtype=np.int64))  # of all pixels up to each
    ends = [before[np.cumsum(part)] for part in parts]
    sums = [int((each[1::2] - each[: len(each) - 1 : 2]).sum()) for each in ends]
    sure = sure_enough(sums, [int(part[1::2].sum()) for part in parts], min_mean=rule.min_mean)
    return [part for part, kept in zip(parts, sure.tolist(), strict=True) if kept]


def _problems(raw: Any) -> Iterator[str]:
    """Yield everything that keeps a decoded file from being used."""
    if not isinstance(raw, dict):
        yield f"the file must hold an object, not {type(raw).__name__}"
        return
    if raw.get("format") != FORMAT:
        yield f"format is {raw.get('format')!r}; this version of SegLoop reads {FORMAT}"
        return
    known = ("format", "kind", "tuned_on", "classes")
    for key in raw:
        if key not in known:
            yield f"unknown key {key!r}.{nearest(key, known)}"
    if not isinstance(raw.get("tuned_on", {}), dict):
        yield f"tuned_on must be an object, not {raw['tuned_on']!r}"
    classes = raw.get("classes")
    if not isinstance(classes, dict) or not classes:
        yield "classes must be an object with the thresholds of at least one class"
    if raw.get("kind") not in KINDS:
        yield f"kind is {raw.get('kind')!r}; choose {' or '.join(map(repr, KINDS))}"
    elif isinstance(classes, dict):
        for name, rule in classes.items():
            yield from _rule_problems(str(name), rule, KINDS[raw["kind"]]())


def _rule_problems(name: str, raw: Any, default: Rule) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield f"class {name!r}: must be an object, not {raw!r}"
        return
    known = asdict(default)
    first = next(iter(known))
    if first not in raw:
        yield f"class {name!r}: {first} is missing"
    for key, value in raw.items():
        if key not in known:
            yield f"class {name!r}: unknown key {key!r}.{nearest(key, known)}"
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield f"class {name!r}: {key} must be a number, not {value!r}"
        elif key in ("score", "threshold", "min_mean") and not 0 <= value <= 1:
            yield f"class {name!r}: {key} must lie between 0 and 1, not {value!r}"
        elif key == "min_area" and (not isinstance(value, int) or value < 0):
            yield f"class {name!r}: min_area is a number of pixels, 0 or more, not {value!r}"
        elif key == "connectivity" and value not in (4, 8):
            yield f"class {name!r}: connectivity is 4 or 8, not {value!r}"
