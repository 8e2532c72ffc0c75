"""Leaks, copies and labels that disagree are told apart."""

from __future__ import annotations

import numpy as np

from segloop.data.inspection.alike import find_copies
from segloop.data.similar import ways

RNG = np.random.default_rng(3)
A, B, C = RNG.integers(0, 256, (3, 32), dtype=np.uint8)
A[0] &= 127


def found(*entries: tuple[str, str | None, np.ndarray, int]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the findings on images of (id, split, hash, what is drawn), briefly."""
    names = [(image_id, split, place) for place, (image_id, split, *_) in enumerate(entries)]
    hashes = np.stack([each[2] for each in entries])
    drawn = [each[3] for each in entries]
    findings = find_copies(names, hashes, sizes=[(9, 9)] * len(names), drawn=drawn)
    return [(each.kind, each.image_id or "", tuple(other[0] for other in each.others)) for each in findings]


def near(hashed: np.ndarray) -> np.ndarray:
    """Return a hash that differs in a few bits."""
    other = hashed.copy()
    other[[3, 9, 20]] ^= 1
    return other


def turned(hashed: np.ndarray) -> np.ndarray:
    """Return the hash of a mirrored image."""
    return list(ways(hashed[None]))[1][0]


def test_copies_in_one_split_are_a_doubt_and_in_two_a_leak() -> None:
    told = found(("1", "train", A, 0), ("2", "train", near(A), 1), ("3", "train", B, 2), ("4", "val", B, 2))
    assert told == [("copies", "1", ("2",)), ("leak", "3", ("4",))]


def test_a_set_without_splits_has_no_leaks() -> None:
    assert found(("1", None, A, 0), ("2", None, A, 0)) == [("copies", "1", ("2",))]


def test_mirrored_copies_matter_across_splits() -> None:
    assert found(("1", "train", A, 0), ("2", "val", turned(A), 0)) == [("turned-leak", "1", ("2",))]
    assert found(("1", "train", A, 0), ("2", "train", turned(A), 0), ("3", "val", C, 0)) == []


def test_a_straight_leak_is_no_turned_one_as_well() -> None:
    assert found(("1", "train", A, 0), ("2", "val", A, 0)) == [("leak", "1", ("2",))]
    told = found(("1", "train", A, 0), ("2", "val", A, 0), ("3", "train", turned(A), 0))
    assert told == [("leak", "1", ("2",)), ("turned-leak", "1", ("2", "3"))]


def test_copies_with_different_labels_are_told() -> None:
    told = found(("1", "train", A, 5), ("2", "train", A, 6), ("3", "train", near(A), 7))
    assert told == [("copies", "1", ("2", "3")), ("conflict", "1", ("2",))]


def test_long_groups_are_cut_in_the_text() -> None:
    names = [(str(place), "train", place) for place in range(9)]
    (finding,) = find_copies(names, np.stack([A] * 9), sizes=[(9, 9)] * 9, drawn=[0] * 9)
    assert finding.text == "the same picture as train: 1, train: 2, train: 3 and 5 more"
    assert len(finding.others) == 8
