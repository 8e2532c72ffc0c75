"""Judges how labels lie on their pictures, each image beside all others of the set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from segloop.data.inspection.edges import STEP, Fit
from segloop.data.inspection.findings import Finding

CHANCE = 1.03  # a ratio below which outlines lie as if they knew nothing of the picture
FOLLOWS = 1.1  # the middle ratio of a set whose outlines follow edges; in others nothing can be said
GAIN = 1.4  # times better elsewhere: then labels are moved
SET_GAIN = 1.1  # the same, where most images of the set say so


@dataclass(frozen=True, slots=True)
class Entry:
    """An image that outlines were compared with."""

    name: tuple[str, str | None, int]
    file: str
    fit: Fit


@dataclass
class Placing:
    """Gathers the fits of all images; only the doubtful are kept whole."""

    ratios: list[float] = field(default_factory=list)
    moves: Counter[tuple[int, int]] = field(default_factory=Counter)
    doubtful: list[Entry] = field(default_factory=list)

    def add(self, name: tuple[str, str | None, int], file: str, fit: Fit | None) -> None:
        """Take in the fit of an image; its name is its id, its split and its place in the set."""
        if fit is None:
            return
        self.ratios.append(fit.ratio)
        self.moves[fit.move_xy if fit.gain >= SET_GAIN else (0, 0)] += 1
        if fit.ratio < CHANCE or fit.gain > GAIN:
            self.doubtful.append(Entry(name, file, fit))

    @property
    def middle(self) -> float:
        """The middle ratio of the set; NaN without images."""
        return median(self.ratios) if self.ratios else math.nan

    @property
    def moved_xy(self) -> tuple[int, int] | None:
        """Where most labels of the set would fit better, if they agree on that."""
        (move, _), *_ = self.moves.most_common(1) or [((0, 0), 0)]
        near = sum(
            count
            for (right, down), count in self.moves.items()
            if max(abs(right - move[0]), abs(down - move[1])) <= STEP and (right, down) != (0, 0)
        )
        return move if move != (0, 0) and 2 * near > len(self.ratios) and len(self.ratios) > 4 else None

    def findings(self) -> Iterator[Finding]:
        """Yield the images whose outlines fit badly, the worst first; or that those of the set do."""
        moved = self.moved_xy
        if moved is not None:
            text = f"the labels of most images would fit better {_way(moved)}"
            yield Finding(kind="edges", text=text, count=len(self.ratios))
            return
        if not self.middle >= FOLLOWS:
            return
        for each in sorted(self.doubtful, key=lambda entry: (entry.fit.ratio, entry.name[2])):
            fit = each.fit
            text = f"fit {fit.ratio:.2f}; the middle of the set is {self.middle:.2f}, and 1 is chance"
            if fit.gain > GAIN:
                text += f"; {fit.gain:.1f} times better {_way(fit.move_xy)}"
            image_id, split, place = each.name
            yield Finding(
                kind="edges", text=text, image_id=image_id, split=split, place=place, file=each.file
            )

    def remarks(self) -> Iterator[str]:
        """Yield that outlines cannot be judged, where that is so."""
        if self.ratios and self.moved_xy is None and not self.middle >= FOLLOWS:
            yield (
                f"outlines follow no edges in this set (middle fit {self.middle:.2f}, 1 is chance): "
                "single images were not judged by that"
            )


def _way(move_xy: tuple[int, int]) -> str:
    """Say where something is moved to.

    >>> _way((-4, 6))
    '4 px to the left and 6 px down'
    """
    right, down = move_xy
    parts = [f"{abs(right)} px to the {'right' if right > 0 else 'left'}"] if right else []
    parts += [f"{abs(down)} px {'down' if down > 0 else 'up'}"] if down else []
    return " and ".join(parts)
