"""Splits are known by what authors call them."""

from __future__ import annotations

import pytest

from segloop.data.split_names import split_name


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Train2017", "train"),
        ("training_v2", "train"),
        ("valid", "val"),
        ("validation", "val"),
        ("Test-1", "test"),
        ("berlin", None),
        ("trainer", None),
        ("2017", None),
    ],
)
def test_splits_are_known_by_what_authors_call_them(name: str, split: str | None) -> None:
    assert split_name(name) == split
