"""Draws conclusions from images that look alike: leaks between splits, copies, and labels that disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from segloop.data.inspection.findings import Finding, shown
from segloop.data.similar import Pairs, joined, similar_pairs

Name = tuple[str, str | None, int]  # an image, its split, its place in the set


def find_copies(
    names: Sequence[Name],
    hashes: np.ndarray,
    *,
    sizes: Sequence[tuple[int, int]],
    drawn: Sequence[int],
) -> Iterator[Finding]:
    """Yield one finding for each group of images that show one picture.

    `hashes` [N, 32] are those of `segloop.data.similar`, `drawn` checksums of what is drawn on each image.
    """
    pairs = similar_pairs(hashes)
    straight = _only(pairs, ~pairs.turned)
    alone = joined(straight, len(names))
    for members in _groups(alone):
        across = len({names[place][1] for place in members}) > 1
        kind = "leak" if across else "copies"
        yield _finding(kind, names, members, "the same picture")
    yield from _conflicts(straight, names, alone, sizes=sizes, drawn=drawn)
    yield from _turned(joined(pairs, len(names)), alone, names)


def _turned(group: Sequence[int], alone: Sequence[int], names: Sequence[Name]) -> Iterator[Finding]:
    """Yield the groups in which one picture and a mirrored or turned one are in different splits."""
    for members in _groups(group):
        sides: dict[int, set[str | None]] = {}
        for place in members:
            sides.setdefault(alone[place], set()).add(names[place][1])
        splits = list(sides.values())
        if len(splits) < 2:
            continue
        if len(set.union(*splits)) > 1:
            yield _finding("turned-leak", names, members, "one picture, mirrored or turned")


def _conflicts(
    pairs: Pairs,
    names: Sequence[Name],
    alone: Sequence[int],
    *,
    sizes: Sequence[tuple[int, int]],
    drawn: Sequence[int],
) -> Iterator[Finding]:
    """Yield groups whose pictures are the same to the last bit of their hashes, and whose labels are not."""
    torn: dict[int, set[int]] = {}
    for (first, second), bits in zip(pairs.places.tolist(), pairs.bits.tolist(), strict=True):
        if bits == 0 and sizes[first] == sizes[second] and drawn[first] != drawn[second]:
            torn.setdefault(alone[first], set()).update((first, second))
    for members in torn.values():
        yield _finding("conflict", names, sorted(members), "one picture, different labels")


def _only(pairs: Pairs, which: np.ndarray) -> Pairs:
    return replace(pairs, places=pairs.places[which], bits=pairs.bits[which], turned=pairs.turned[which])


def _groups(leaders: Sequence[int]) -> Iterator[list[int]]:
    groups: dict[int, list[int]] = {}
    for place, leader in enumerate(leaders):
        groups.setdefault(leader, []).append(place)
    return (members for members in groups.values() if len(members) > 1)


def _finding(kind: str, names: Sequence[Name], members: Sequence[int], what: str) -> Finding:
    first, *rest = (names[place] for place in members)
    told = ", ".join(shown(image_id, split) for image_id, split, _ in rest[:3])
    more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
    return Finding(
        kind=kind,
        text=f"{what} as {told}{more}" if kind != "turned-leak" else f"{what}: {told}{more}",
        image_id=first[0],
        split=first[1],
        place=first[2],
        count=len(members),
        others=tuple(rest),
    )
