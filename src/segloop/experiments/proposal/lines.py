"""One setting of a proposal: its line in the config, and the reason beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """What was chosen, in words for the user, and why."""

    what: str
    value: str
    why: str


def percent(share: float) -> str:
    """Return a share as a percentage of three digits.

    >>> percent(0.09125)
    '9.12 %'
    """
    return f"{100 * share:.3g} %"


def rounded(number: float, *, to: int) -> int:
    """Return the multiple of `to` that is nearest, at least one of it.

    >>> rounded(1234.0, to=100), rounded(3.0, to=50)
    (1200, 50)
    """
    return max(to, round(number / to) * to)


def normalisation(seen: Any) -> tuple[list[float], list[float]] | None:
    """Return mean and deviation of the colours of training images, RGB; None where none were read."""
    tally = seen.tally
    if tally.mean_rgb is None or tally.std_rgb is None:
        return None
    mean = [round(float(each), 2) for each in tally.mean_rgb]
    return mean, [
        max(round(float(each), 2), 1.0) for each in tally.std_rgb
    ]  # black pictures divide by nothing
