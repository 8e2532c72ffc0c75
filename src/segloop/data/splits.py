"""Cuts a data set into parts or folds: seeded, stratified, grouped; and measures how even they came out."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segloop.utils.errors import DataError, listing

MOST_REFINED = 5000  # units; in larger sets the first cut is even enough
PARTNERS = 128  # units that each one may change places with
Columns = Mapping[str, Sequence[float] | np.ndarray]
_Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Cut:
    """Which images each part holds (sorted), in how many groups, and its share of what was to be even.

    `shares[column][part]` is the part's share of the column's total, `wanted[part]` what it should be.
    """

    parts: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, int]
    wanted: Mapping[str, float]
    shares: Mapping[str, Mapping[str, float]]

    def part_of(self) -> dict[str, str]:
        """Return the part of each image."""
        return {image_id: part for part, ids in self.parts.items() for image_id in ids}

    def unevenness(self) -> dict[str, float]:
        """Return, by column, how far the worst part is from its share, as a fraction of that share."""
        return {
            column: max(abs(share / self.wanted[part] - 1) for part, share in of_parts.items())
            for column, of_parts in self.shares.items()
        }

    def table(self) -> str:
        """Return the parts side by side: images, groups, and their shares of each column in percent."""
        rows = [("", *self.parts)]
        rows.append(("images", *(str(len(ids)) for ids in self.parts.values())))
        rows.append(("groups", *(str(self.groups[part]) for part in self.parts)))
        for column, of_parts in self.shares.items():
            rows.append((f"{column} %", *(f"{100 * of_parts[part]:.1f}" for part in self.parts)))
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)
        return "\n".join(line.rstrip() for line in lines)


def split(
    ids: Sequence[str],
    shares: Mapping[str, float],
    *,
    columns: Columns | None = None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Cut:
    """Cut images into named parts of given shares; ids of one group stay together.

    `columns` holds what each part should have its share of, a number per image and column, in the order of
    the ids: `class_columns`, `label_columns`. `groups` names each image's group. The shares are divided by
    their sum. The cut follows from ids, columns, groups and seed alone, in whatever order the ids come. No
    part is empty.

    >>> split(["a", "b", "c", "d"], {"train": 3, "val": 1}).parts
    {'train': ('b', 'c', 'd'), 'val': ('a',)}
    """
    _check_shares(shares)
    arrays = {name: np.asarray(values, np.float64) for name, values in (columns or {}).items()}
    _check_ids(ids, arrays, groups)
    units = _Units.of(ids, arrays, groups, seed=seed)
    if len(units.names) < len(shares):
        kind = "images" if groups is None else "groups"
        raise DataError(f"{len(units.names)} {kind} cannot be cut into {len(shares)} parts.")
    total = math.fsum(shares.values())
    wanted = {part: share / total for part, share in shares.items()}
    places = _Assignment(units, np.array(list(wanted.values())), whole=groups is None).run()
    return _cut(units, places, wanted, columns=arrays)


def k_folds(
    ids: Sequence[str],
    folds: int = 5,
    *,
    columns: Columns | None = None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Cut:
    """Cut images into folds of one size, called `1` to `folds`; see `split`.

    >>> [len(ids) for ids in k_folds([f"{number:02d}" for number in range(11)], 3).parts.values()]
    [4, 4, 3]
    """
    if folds < 2:
        raise DataError(f"There are at least 2 folds, not {folds}.")
    return split(ids, {str(n + 1): 1.0 for n in range(folds)}, columns=columns, groups=groups, seed=seed)


def class_columns(pixels: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what makes parts even in classes: images that show each class, and its pixels.

    `pixels` [images, classes] counts each image's pixels (or instances) of each class.

    >>> list(class_columns(np.array([[5, 0], [1, 2]]), ["sand", "fish"]))
    ['sand: images', 'sand: pixels', 'fish: images', 'fish: pixels']
    """
    found = {}
    for name, counts in zip(names, np.asarray(pixels).T, strict=True):
        found[f"{name}: images"] = (counts > 0).astype(np.float64)
        found[f"{name}: pixels"] = counts.astype(np.float64)
    return found


def label_columns(labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what makes parts even in given labels, one label per image."""
    known = sorted(set(labels))
    return {label: np.array([each == label for each in labels], np.float64) for label in known}


@dataclass(frozen=True)
class _Units:
    """What is never cut: groups, or single images where there are none; in the order they are placed in."""

    names: list[str]
    members: list[list[int]]  # places in `ids`
    ids: list[str]
    loads: np.ndarray  # [columns, units]: the unit's share of each column's total; the last is of images

    @classmethod
    def of(cls, ids: Sequence[str], columns: _Arrays, groups: Sequence[str] | None, *, seed: int) -> _Units:
        members: dict[str, list[int]] = {}
        for place in sorted(range(len(ids)), key=lambda place: ids[place]):
            members.setdefault(ids[place] if groups is None else groups[place], []).append(place)
        names = sorted(members)
        first = [members[name][0] for name in names]
        several = [(unit, members[name]) for unit, name in enumerate(names) if len(members[name]) > 1]
        rows = []
        for values in (*columns.values(), np.ones(len(ids))):
            total = math.fsum(values)
            if total > 0:
                sums = values[first]
                for unit, places in several:
                    sums[unit] = math.fsum(values[places])
                rows.append(sums / total)
        loads = np.array(rows)
        # What weighs most is placed first, so that what comes later can fill the gaps; lots are drawn among
        # those within a factor of two, for every seed should cut otherwise.
        doublings = [math.frexp(weight)[1] for weight in loads.max(axis=0)]
        order = sorted(range(len(names)), key=lambda unit: (-doublings[unit], _lot(seed, names[unit])))
        return cls(
            [names[unit] for unit in order],
            [members[names[unit]] for unit in order],
            list(ids),
            loads[:, order],
        )


class _Assignment:
    """Places unit after unit where it is missed most, then lets pairs change places if that evens things out.

    Uneven is the sum, over parts and columns, of (share − wanted)² / wanted; sizes count as much as all other
    columns together. Sums run in a fixed order (`cumsum`), so that every machine decides alike.
    """

    def __init__(self, units: _Units, wanted: np.ndarray, *, whole: bool) -> None:
        self.loads = units.loads
        self.weights = np.ones(len(self.loads))
        self.weights[-1] = max(1, len(self.loads) - 1)
        self.wanted = wanted
        self.filled = np.zeros((len(self.loads), len(wanted)))
        self.places = np.full(len(units.names), -1)
        self.room = _sizes(len(units.names), wanted) if whole else np.full(len(wanted), len(units.names))
        self.whole = whole

    def run(self) -> np.ndarray:
        """Return the part of each unit."""
        for unit in range(len(self.places)):
            costs = np.where(self.room > 0, self._costs(self.loads[:, unit]), np.inf)
            self._put(unit, int(np.argmin(costs)))
        self._fill_empty()
        if len(self.places) <= MOST_REFINED:
            while self._refine():
                pass
        return self.places

    def _costs(self, load: np.ndarray) -> np.ndarray:
        """Return what putting a load [columns] into each part would add to the unevenness [parts]."""
        load = load[:, None]
        terms = (2 * load * (self.filled - self.wanted) + load**2) / self.wanted
        return np.cumsum(terms * self.weights[:, None], axis=0)[-1]

    def _put(self, unit: int, part: int) -> None:
        self.places[unit] = part
        self.filled[:, part] += self.loads[:, unit]
        self.room[part] -= 1

    def _take(self, unit: int) -> None:
        part = self.places[unit]
        self.filled[:, part] -= self.loads[:, unit]
        self.room[part] += 1

    def _fill_empty(self) -> None:
        """Give each part that got nothing the lightest unit of a part that can spare one."""
        for part in range(len(self.wanted)):
            if (self.places == part).any():
                continue
            counts = np.bincount(self.places, minlength=len(self.wanted))
            unit = max(unit for unit, place in enumerate(self.places) if counts[place] > 1)
            self._take(unit)
            self._put(unit, part)

    def _refine(self) -> bool:
        """Let each unit change places with the best of the later ones, or move; return whether any did."""
        changed = 0.0
        for unit in range(len(self.places) - 1, -1, -1):
            changed += self._move(unit) if not self.whole else 0.0
            changed += self._swap(unit)
        return changed > 1e-4  # a hundredth more or less of a share is 2e-5

    def _move(self, unit: int) -> float:
        part = self.places[unit]
        if (self.places == part).sum() == 1:
            return 0.0
        self._take(unit)
        costs = self._costs(self.loads[:, unit])
        best = int(np.argmin(costs))
        gain = float(costs[part] - costs[best])
        self._put(unit, best if gain > 1e-9 else part)
        return gain if gain > 1e-9 else 0.0

    def _swap(self, unit: int) -> float:
        first = max(0, min(unit - PARTNERS // 2, len(self.places) - PARTNERS))  # those of like weight
        others = np.arange(first, min(first + PARTNERS, len(self.places)))
        others = others[self.places[others] != self.places[unit]]
        if not len(others):
            return 0.0
        here, there = self.places[unit], self.places[others]
        change = (
            self.loads[:, [unit]] - self.loads[:, others]
        )  # what leaves this part and comes to the others
        leaving = (-2 * change * (self.filled[:, [here]] - self.wanted[here]) + change**2) / self.wanted[here]
        coming = (2 * change * (self.filled[:, there] - self.wanted[there]) + change**2) / self.wanted[there]
        costs = np.cumsum((leaving + coming) * self.weights[:, None], axis=0)[-1]
        best = int(np.argmin(costs))
        if costs[best] > -1e-9:
            return 0.0
        other = int(others[best])
        part, other_part = int(here), int(there[best])
        for each, goal in ((unit, other_part), (other, part)):
            self._take(each)
            self._put(each, goal)
        return float(-costs[best])


def _sizes(count: int, wanted: np.ndarray) -> np.ndarray:
    """Return whole numbers of units whose sum is `count`, nearest to their shares, none of them 0."""
    sizes = np.maximum(1, np.floor(wanted * count + 1e-9).astype(int))
    while sizes.sum() < count:
        sizes[int(np.argmax(np.round(wanted * count - sizes, 9)))] += 1
    while sizes.sum() > count:  # where small parts were given a unit that was not theirs
        sizes[int(np.argmax(np.where(sizes > 1, np.round(sizes - wanted * count, 9), -np.inf)))] -= 1
    return sizes


def _cut(units: _Units, places: np.ndarray, wanted: Mapping[str, float], *, columns: _Arrays) -> Cut:
    members: dict[str, list[int]] = {part: [] for part in wanted}
    names = list(wanted)
    for unit, place in enumerate(places.tolist()):
        members[names[place]] += units.members[unit]
    shares = {}
    for column, values in columns.items():
        total = math.fsum(values)
        if total > 0:
            shares[column] = {part: math.fsum(values[inner]) / total for part, inner in members.items()}
    return Cut(
        parts={part: tuple(sorted(units.ids[place] for place in inner)) for part, inner in members.items()},
        groups={part: int((places == number).sum()) for number, part in enumerate(names)},
        wanted=dict(wanted),
        shares=shares,
    )


def _lot(seed: int, name: str) -> bytes:
    """Draw a unit's lot: its place among those that weigh the same."""
    text = f"{seed}\0{name}".encode(errors="surrogateescape")  # old archives have names that are no UTF-8
    return hashlib.blake2b(text, digest_size=8).digest()


def _check_shares(shares: Mapping[str, float]) -> None:
    wrong = [f"{part}: {share}" for part, share in shares.items() if not 0 < share < math.inf]
    if len(shares) < 2 or wrong:
        listed = f":\n{listing(wrong)}" if wrong else "."
        raise DataError(f"A set is cut into two or more parts whose shares are greater than 0{listed}")


def _check_ids(ids: Sequence[str], columns: _Arrays, groups: Sequence[str] | None) -> None:
    twice = sorted(image_id for image_id, count in Counter(ids).items() if count > 1)
    if twice:
        raise DataError(f"{len(twice)} image(s) are named more than once:\n{listing(twice)}")
    lengths = {name: len(values) for name, values in columns.items()}
    lengths["groups"] = len(ids if groups is None else groups)
    for name, length in lengths.items():
        if length != len(ids):
            raise ValueError(f"{name} has {length} entries for {len(ids)} images")
    wrong = [name for name, values in columns.items() if not (np.isfinite(values) & (values >= 0)).all()]
    if wrong:
        raise DataError(f"These columns hold numbers that are no amounts: {', '.join(wrong)}.")
