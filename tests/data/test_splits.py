"""A cut is even, keeps groups whole, follows from the seed alone, and says how even it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segloop.data.splits import class_columns, k_folds, label_columns, split
from segloop.utils.errors import DataError

NAMES = ("sand", "fish", "leaf", "star")
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def pictures(count: int, seed: int = 0) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return ids and columns of pictures whose classes are in all, half, a tenth and a fiftieth of them."""
    draw = np.random.default_rng(seed)
    shown = draw.random((count, 4)) < (1, 0.5, 0.1, 0.02)
    pixels = (shown * draw.lognormal(5, 0.5, (count, 4))).astype(int)
    return [f"{number:04d}" for number in range(count)], class_columns(pixels, NAMES)


def test_folds_are_even_in_size_classes_and_pixels() -> None:
    ids, columns = pictures(303)
    cut = k_folds(ids, 5, columns=columns)
    assert [len(part) for part in cut.parts.values()] == [61, 61, 61, 60, 60]
    assert sorted(itertools.chain(*cut.parts.values())) == ids
    uneven = cut.unevenness()
    assert uneven["fish: images"] < 0.03
    assert uneven["fish: pixels"] < 0.03
    for column in ("leaf", "star"):  # as even as whole images can be
        total = columns[f"{column}: images"].sum()
        counts = [round(share * total) for share in cut.shares[f"{column}: images"].values()]
        assert max(counts) - min(counts) <= 1
    by_chance = k_folds(ids, 5)
    assert len(by_chance.parts["1"]) == 61
    assert by_chance.shares == {}


def test_parts_have_their_shares() -> None:
    ids, columns = pictures(200)
    cut = split(ids, SHARES, columns=columns)
    assert {part: len(inner) for part, inner in cut.parts.items()} == {"train": 140, "val": 30, "test": 30}
    assert cut.unevenness()["fish: images"] < 0.05
    assert split(ids, {"train": 14, "val": 3, "test": 3}, columns=columns) == cut
    assert cut.wanted == pytest.approx(SHARES)


def test_groups_are_never_cut_and_still_even() -> None:
    ids, columns = pictures(600)
    groups = [str(math.isqrt(int(image_id) * 4)) for image_id in ids]  # of 1 to 24 images
    cut = k_folds(ids, 5, columns=columns, groups=groups)
    homes: dict[str, set[str]] = {}
    for image_id, part in cut.part_of().items():
        homes.setdefault(groups[int(image_id)], set()).add(part)
    assert all(len(parts) == 1 for parts in homes.values())
    assert sum(cut.groups.values()) == len(homes) == len(set(groups))
    assert all(118 <= len(part) <= 122 for part in cut.parts.values())
    assert cut.unevenness()["fish: pixels"] < 0.1


def test_the_order_of_the_images_does_not_matter_and_the_seed_does() -> None:
    ids, columns = pictures(150)
    groups = [image_id[:3] for image_id in ids]
    shuffled = np.random.default_rng(1).permutation(len(ids))
    for by in (None, groups):
        cut = k_folds(ids, 5, columns=columns, groups=by, seed=1)
        again = k_folds(
            [ids[place] for place in shuffled],
            5,
            columns={name: values[shuffled] for name, values in columns.items()},
            groups=by and [by[place] for place in shuffled],
            seed=1,
        )
        assert again.parts == cut.parts
        other = k_folds(ids, 5, columns=columns, groups=by, seed=2).part_of()
        assert sum(other[image_id] == part for image_id, part in cut.part_of().items()) < 75


def test_a_cut_is_the_same_on_every_machine() -> None:
    ids = [f"{number:02d}" for number in range(24)]
    pixels = np.array([[100, number * 7919 % 97 * (number % 3 > 0)] for number in range(24)])
    cut = k_folds(ids, 4, columns=class_columns(pixels, NAMES[:2]))
    assert [" ".join(part) for part in cut.parts.values()] == [
        "01 03 08 12 17 22",
        "04 05 06 09 11 14",
        "02 07 15 18 19 20",
        "00 10 13 16 21 23",
    ]
    assert [" ".join(part) for part in k_folds(ids[:9], 3, seed=7).parts.values()] == [
        "00 01 05",
        "02 07 08",
        "03 04 06",
    ]


def test_only_groups_of_several_images_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, columns = pictures(40)
    added, fsum = [], math.fsum
    monkeypatch.setattr(math, "fsum", lambda values: added.append(len(values)) or fsum(values))
    split(ids, SHARES, columns=columns, groups=[*map(str, range(38)), "last", "last"])
    assert added.count(2) == len(columns) + 1
    assert added.count(1) == 0


def test_given_labels_are_spread() -> None:
    ids = [f"{number:02d}" for number in range(30)]
    labels = ["day" if number < 20 else "night" for number in range(30)]
    cut = k_folds(ids, 5, columns=label_columns(labels))
    for part in cut.parts.values():
        assert sum(labels[int(image_id)] == "night" for image_id in part) == 2


@settings(max_examples=30, deadline=None)
@example(sizes=[1, 1, 1, 1, 1, 7, 9, 9], shares=[1.0, 1 / 64, 1 / 64], grouped=False, seed=0)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=12),
    shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=3),
    grouped=st.booleans(),
    seed=st.integers(0, 3),
)
def test_every_part_gets_something_and_nothing_is_lost(
    sizes: list[int], shares: list[float], grouped: bool, seed: int
) -> None:
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    ids = [f"{number:03d}" for number in range(len(groups))]
    wanted = {f"part{number}": share for number, share in enumerate(shares)}
    cut = split(ids, wanted, groups=groups if grouped else None, seed=seed)
    assert all(cut.parts.values())
    assert sorted(itertools.chain(*cut.parts.values())) == ids
    if not grouped:
        # what a part gets beyond its share, for none is empty, is missing elsewhere
        given_away = sum(max(0.0, 1 - share * len(ids)) for share in cut.wanted.values())
        for part, inner in cut.parts.items():
            assert abs(len(inner) - cut.wanted[part] * len(ids)) < 1 + given_away or len(ids) < 30


def test_a_cut_prints_as_a_table() -> None:
    ids, columns = pictures(20)
    lines = split(ids, {"train": 3, "val": 1}, columns=columns).table().splitlines()
    assert lines[0].split() == ["train", "val"]
    assert lines[1].split() == ["images", "15", "5"]
    assert lines[2].split() == ["groups", "15", "5"]
    assert lines[3].split() == ["sand:", "images", "%", "75.0", "25.0"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split(["a", "b", "a"], {"x": 1, "y": 1}), r"named more than once:\n  a"),
        (lambda: split(["a", "b"], {"x": 1}), "two or more parts"),
        (lambda: split(["a", "b"], {"x": 1, "y": -1}), "y: -1"),
        (lambda: split(["a", "b"], {"x": 1, "y": math.nan}), "y: nan"),
        (lambda: k_folds(["a", "b", "c"], 4), "3 images cannot be cut into 4 parts"),
        (lambda: k_folds(["a", "b", "c"], 2, groups=["g", "g", "g"]), "1 groups cannot be cut"),
        (lambda: k_folds(["a", "b"], 1), "at least 2 folds"),
        (lambda: k_folds(["a", "b"], 2, columns={"n": [1, math.nan]}), "no amounts: n"),
    ],
)
def test_can_report(call: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()  # type: ignore[operator]
    with pytest.raises(ValueError, match="1 entries for 2 images"):
        split(["a", "b"], {"x": 1, "y": 1}, columns={"n": [1]})


def test_names_that_are_no_text_are_cut_as_well() -> None:
    cut = k_folds(["caf\udce9", "caf\udce8", "a", "b"], 2)
    assert sorted(itertools.chain(*cut.parts.values())) == ["a", "b", "caf\udce8", "caf\udce9"]
