"""Finds what the values and colours of masks mean: which classes there are, which one is the background."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from data_converters.pairs_key import Known
from data_converters.pairs_masks import COLORED, IGNORED
from segloop.data.annotations import Label, LabelSet
from segloop.data.index_masks import count_values
from segloop.utils.errors import DataError, listing

VOID = 0xE0E0C0  # the colour of Pascal VOC's unscored outlines
MOST = 254  # classes
BLOCK = 4096  # colours that are compared at once
LARGE = 1 << 16  # pixels of a mask from which on a table is quicker than sorting
TABLE = 1 << 24  # entries of such a table: as many as there are colours
EDGE, SPREAD = 32, 3  # grey values near black and white; so many different ones there are no classes
MANY, EXTREMES = 16, 0.8  # values that are not dense, with most pixels at both ends: edges were smoothed
LOW = 40  # a class's number; values that were spread up to 255 are higher
CLEAR = 0.97  # share of the pixels that are near black or white in masks of two values
FEW, RARE = 64, 1e-4  # colours that may all be classes; the share of one that hardly is
FREQUENT, APART, NEAR = 0.002, 40, 0.95  # colours: share of one, distance between two, share of all near some
# Names of what is no class, by custom: it is neither trained on nor scored.
NO_CLASS = frozenset(
    ("void", "ignore", "ignored", "unlabeled", "unlabelled", "unclassified", "notclassified", "unknown")
)
NAMES_OF_COLORS: Mapping[int, str] = {
    0x000000: "black", 0xFFFFFF: "white", 0xFF0000: "red", 0x00FF00: "green", 0x0000FF: "blue",
    0xFFFF00: "yellow", 0xFF00FF: "magenta", 0x00FFFF: "cyan", 0x800000: "maroon", 0x008000: "dark-green",
    0x000080: "navy", 0x808000: "olive", 0x800080: "purple", 0x008080: "teal", 0x808080: "grey",
    0xFFA500: "orange", 0xFFC0CB: "pink", 0xA52A2A: "brown",
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """Which class a value of a mask is: `codes` ascend, `classes` are theirs; `near`: the nearest counts."""

    codes: np.ndarray  # int64 [N]
    classes: np.ndarray  # uint8 [N]
    colored: bool
    near: bool = False

    def classes_of(self, values: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Return the classes of ascending codes, uint8 [N], and those of the codes that nobody knows."""
        if self.near:
            return self.classes[_nearest(values, self.codes)], []
        places = np.minimum(np.searchsorted(self.codes, values), len(self.codes) - 1)
        return self.classes[places], values[self.codes[places] != values].tolist()

    def index_map(self, mask: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Return the classes of a decoded mask, uint8 [H, W], and the codes in it that nobody knows."""
        if mask.dtype == np.uint8:
            values = np.array(sorted(count_values(mask)), np.int64)
            classes, strange = self.classes_of(values)
            table = np.zeros(256, np.uint8)
            table[values] = classes
            return mask if (classes == values).all() else cv2.LUT(mask, table), strange
        values = _distinct(mask)
        classes, strange = self.classes_of(values)
        return _spread(mask, values, classes), strange


def _distinct(mask: np.ndarray) -> np.ndarray:
    """Return the values of a mask, ascending; of a large one by a table: to sort its pixels takes long."""
    low, span = _span(mask)
    if mask.size < LARGE or span > TABLE:
        return np.unique(mask)
    seen = np.zeros(span, bool)
    seen[(mask - low).ravel()] = True
    return np.flatnonzero(seen) + low


def _spread(mask: np.ndarray, values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the mask with its `values` replaced by their `classes`."""
    low, span = _span(mask)
    if span > TABLE or mask.size < LARGE:
        return classes[np.searchsorted(values, mask)]
    table = np.zeros(span, classes.dtype)
    table[values - low] = classes
    return table[mask - low]


def _span(mask: np.ndarray) -> tuple[int, int]:
    """Return the lowest value, and how many there are from it to the highest."""
    if not mask.size:
        return 0, 0
    low = int(mask.min())
    return low, int(mask.max()) - low + 1


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16 & 255, code >> 8 & 255, code & 255


def find_meaning(
    counts: Counter[int], *, colored: bool, labels: Sequence[str] = (), known: Known | None = None
) -> tuple[Meaning, LabelSet, list[str]]:
    """Return which class each code is, the classes, and what there is to be said of them.

    `known` is what a file beside the masks says of values or colours; `labels` are names that the user gives.
    """
    told: list[str] = []
    if known is not None:
        return _by_file(counts, known, colored=colored, told=told)
    codes, near = _codes(counts, colored=colored, told=told)
    ignored = _ignored(codes, colored=colored)
    if ignored is not None:
        codes = [code for code in codes if code != ignored]
        told.append(f"{said(ignored)} is ignored: it is neither trained on nor scored")
    black = COLORED if colored else 0
    nearest = _sums(counts, codes) if near else counts
    ground = black in codes and (len(codes) == 2 or nearest[black] == max(nearest[code] for code in codes))
    names = _names(codes, ground=black if ground else None, labels=labels, counts=nearest)
    if len(codes) < 2:
        raise DataError(f"All masks hold {said(codes[0])} and nothing else: there is nothing to learn.")
    void = set(_no_classes(names, [nearest[code] for code in codes])) if labels else set()
    gone = [codes[place] for place in void] + ([] if ignored is None else [ignored])
    told += [f"{said(codes[at])} is called {names[at]}: it is ignored" for at in sorted(void)]
    codes = [code for at, code in enumerate(codes) if at not in void]
    names = [name for at, name in enumerate(names) if at not in void]
    colors = [_rgb(code) if colored else None for code in codes]
    background = codes.index(black) if ground else _named_background(names)
    share = sum(nearest.values())
    told += [
        f"{said(code)} is {name}: {100 * nearest[code] / share:.3g} % of the pixels"
        for code, name in zip(codes, names, strict=True)
    ]
    if not labels and any(name.startswith(("class_", "color_")) for name in names):
        told.append(
            "no file names the classes: --labels NAME … does, in this order; one called ignore is ignored"
        )
    table = {code: place for place, code in enumerate(codes)} | dict.fromkeys(gone, IGNORED)
    return (
        _meaning(table, colored=colored, near=near),
        LabelSet(tuple(map(Label, names, colors)), background=background, ignore_index=IGNORED),
        told,
    )


def _meaning(table: Mapping[int, int], *, colored: bool, near: bool = False) -> Meaning:
    codes = np.array(sorted(table), np.int64)
    return Meaning(codes, np.array([table[code] for code in codes.tolist()], np.uint8), colored, near)


def _named_background(names: Sequence[str]) -> int | None:
    lower = [name.casefold().strip("_") for name in names]
    return lower.index("background") if "background" in lower else None


def _no_classes(names: Sequence[str], counts: Sequence[int]) -> list[int]:
    """Return the places of what is no class by its name, such as void; what covers the most is one."""
    most = counts.index(max(counts))
    found = [
        place
        for place, name in enumerate(names)
        if re.sub(r"[\W_]", "", name).casefold() in NO_CLASS and place != most
    ]
    return found if len(names) - len(found) >= 2 else []


def _codes(counts: Counter[int], *, colored: bool, told: list[str]) -> tuple[list[int], bool]:
    """Return the codes that mean something, and whether others belong to the nearest of them."""
    found, total = sorted(counts), sum(counts.values())
    if not colored:
        low, high = found[0], found[-1]
        extremes = (counts[low] + counts[high]) / total
        dark = [code for code in found if code <= low + EDGE]
        light = [code for code in found if code >= high - EDGE]
        share = sum(counts[code] for code in {*dark, *light}) / total
        blurred = min(len(dark), len(light)) >= SPREAD and share >= CLEAR
        resized = MANY <= len(found) < (high - low) / 2 and extremes >= EXTREMES and not _above_low(found)
        if (blurred or resized) and IGNORED // 2 < high - low <= IGNORED:
            told.append(
                f"masks are not clean: {len(found)} values, and {100 * share:.4g} % of the pixels are near "
                f"{low} or {high}; cut at {(low + high + 1) // 2}"
            )
            return [low, high], True
        if len(found) > MOST + 1:
            raise DataError(
                f"The masks hold {len(found)} values. If these are numbers of objects, read them with --from "
                "masks; if they are pictures, they are no masks."
            )
        return found, False
    rare = sum(count / total < RARE for count in counts.values())
    if len(found) <= FEW or (len(found) <= MOST + 1 and rare < len(found) / 2):
        return found, False
    chosen: list[int] = []
    for code, count in counts.most_common(1000):
        if count / total < FREQUENT:
            break
        if all(_distance(code, other) >= APART for other in chosen):
            chosen.append(code)
    far = _far(found, chosen or [COLORED])
    lost = sum(counts[code] for code in far) / total
    if len(chosen) < 2 or lost > 1 - NEAR:
        raise DataError(
            f"The masks hold {len(found)} colours, and no few of them are most of it: they are no masks of "
            "classes."
        )
    told.append(
        f"masks are not clean: {len(found)} colours; each is taken for the nearest of {len(chosen)} "
        "frequent ones"
    )
    if far:
        most = max(far, key=counts.__getitem__)
        told.append(
            f"{100 * lost:.2g} % of the pixels are near none of these, {counts[most]:,} of them of "
            f"{said(most)}: if that is a class, a file of all classes and colours (class_dict.csv) keeps it"
        )
    return sorted(chosen), True


def _far(found: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """Return the colours that are near none of the chosen ones."""
    values = np.array(found, np.int64)
    near = np.concatenate(
        [
            _distances(values[at : at + BLOCK], np.array(chosen, np.int64)).min(axis=1) < APART
            for at in range(0, len(values), BLOCK)
        ]
    )
    found_far: list[int] = values[~near].tolist()
    return found_far


def _ignored(codes: Sequence[int], *, colored: bool) -> int | None:
    """Return the value that means no class, by custom: 255 above low numbers, and VOC's colour."""
    if colored:
        return COLORED + VOID if {COLORED, COLORED + VOID} <= set(codes) and len(codes) > 2 else None
    return IGNORED if _above_low(codes) else None


def _above_low(codes: Sequence[int]) -> bool:
    """Tell whether 255 stands above low numbers: dense ones, or a few of VOC's or Cityscapes' classes."""
    others = [code for code in codes if code != IGNORED]
    if len(others) == len(codes) or len(others) < 2:
        return False
    return others[-1] <= max(min(2 * len(others) + 1, IGNORED // 2), LOW)


def _names(
    codes: Sequence[int], *, ground: int | None, labels: Sequence[str], counts: Counter[int]
) -> list[str]:
    if labels:
        names = list(labels)
        if ground is not None and len(names) == len(codes) - 1 and "background" not in names:
            names.insert(codes.index(ground), "background")
        if len(names) != len(codes):
            total = sum(counts.values())
            lines = [f"{said(code)}: {100 * counts[code] / total:.3g} % of the pixels" for code in codes]
            raise DataError(
                f"{len(labels)} labels are named, and there are {len(codes)} classes:\n{listing(lines)}"
            )
        return names
    if ground is not None and len(codes) == 2:
        return ["background" if code == ground else "foreground" for code in codes]
    return ["background" if code == ground else _name(code) for code in codes]


def _name(code: int) -> str:
    if code < COLORED:
        return f"class_{code}"
    return NAMES_OF_COLORS.get(code - COLORED, f"color_{code - COLORED:06x}")


def said(code: int) -> str:
    """Return how a user would write a code: a value, or a colour."""
    return f"value {code}" if code < COLORED else "colour {},{},{}".format(*_rgb(code))


def _by_file(
    counts: Counter[int], known: Known, *, colored: bool, told: list[str]
) -> tuple[Meaning, LabelSet, list[str]]:
    """Take the classes from a file beside the masks."""
    if colored and known.colors is None:
        raise DataError(f"{known.file} gives no colours, and the masks are in colours.")
    counted = not colored and min(known.values) == 1 and bool(counts[0])  # from 1, and 0 is there
    if counted and counts[0] == max(counts.values()):
        told.append(f"value 0, which {known.file.name} does not name, is the background")
        known = Known(known.file, ("background", *known.names), (0, *known.values), None)
    codes = [COLORED + code for code in known.colors] if colored and known.colors else list(known.values)
    strange = {code: count for code, count in counts.items() if code not in codes}
    ignored = {code for code in strange if code in (IGNORED, COLORED + VOID) or (counted and not code)}
    if 0 in ignored:
        told.append(f"value 0, which {known.file.name} does not name, is ignored")
    near = colored and len(counts) > FEW and _is_noise(counts, codes, set(strange) - ignored)
    if near:
        told.append(
            f"masks are not clean: {len(counts)} colours; each is taken for the nearest of the file's"
        )
    elif set(strange) - ignored:
        lines = [
            f"{said(code)}: {count:,} pixels"
            for code, count in Counter(strange).most_common()
            if code not in ignored
        ]
        raise DataError(
            f"The masks hold {len(lines)} value(s) that {known.file} does not name:\n{listing(lines)}"
        )
    void = set(_no_classes(known.names, [counts[code] for code in codes]))
    if void:
        words = ", ".join(known.names[at] for at in sorted(void))
        told.append(f"{words} of {known.file.name} is ignored: it is neither trained on nor scored")
        ignored |= {codes[at] for at in void}
        codes = [code for at, code in enumerate(codes) if at not in void]
    names = [re.sub(r"\s+", " ", name) for at, name in enumerate(known.names) if at not in void]
    names = ["background" if name.casefold().strip("_") == "background" else name for name in names]
    told.append(f"classes are those of {known.file.name}: {', '.join(names)}")
    packed = [code for at, code in enumerate(known.colors or ()) if at not in void]
    colors = [_rgb(code) for code in packed] if known.colors else [None] * len(names)
    black = codes.index(COLORED if colored else 0) if (COLORED if colored else 0) in codes else None
    background = _named_background(names)
    if background is None and black is not None and counts[codes[black]] == max(counts.values()):
        background = black
    table = {code: place for place, code in enumerate(codes)} | dict.fromkeys(ignored, IGNORED)
    labels = LabelSet(tuple(map(Label, names, colors)), background=background, ignore_index=IGNORED)
    return _meaning(table, colored=colored, near=near), labels, told


def _is_noise(counts: Counter[int], codes: Sequence[int], strange: set[int]) -> bool:
    """Tell whether colours that no class has are what smoothing or JPEG made of those of classes."""
    total, far = sum(counts.values()), [code for code in _far(sorted(counts), codes) if code in strange]
    several = [counts[code] / total for code in far]
    return sum(several) <= 1 - NEAR and max(several, default=0) < FREQUENT


def _distance(one: int, other: int) -> int:
    return max(abs(a - b) for a, b in zip(_rgb(one), _rgb(other), strict=True))


def _distances(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return how far values are from codes, [values, codes]."""
    if codes.max() < COLORED:
        return np.abs(values[:, None] - codes[None])
    parts = [np.stack([each >> 16 & 255, each >> 8 & 255, each & 255], -1) for each in (values, codes)]
    return np.abs(parts[0][:, None] - parts[1][None]).max(axis=-1)


def _nearest(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [_distances(values[at : at + BLOCK], codes).argmin(axis=1) for at in range(0, len(values), BLOCK)]
    )


def _sums(counts: Counter[int], codes: Sequence[int]) -> Counter[int]:
    """Return how many pixels belong to which code, if each belongs to the nearest."""
    values = np.array(sorted(counts), np.int64)
    places = _nearest(values, np.array(codes, np.int64))
    found: Counter[int] = Counter()
    for value, place in zip(values.tolist(), places.tolist(), strict=True):
        found[codes[place]] += counts[value]
    return found
