"""Words in names of folders and files."""

import pytest

from data_converters.names import name_of, role_of, split_families, split_of, words
from segloop.data.split_names import split_name


@pytest.mark.parametrize(
    ("folder", "split", "role"),
    [
        ("train", "train", None),
        ("Validation_Masks", "val", "mask"),
        ("testannot", "test", "mask"),
        ("training_set", "train", None),
        ("stage1_train", "train", None),
        ("train_station", None, None),
        ("снимки", None, None),
        ("JPEGImages", None, "image"),
        ("ground-truth", None, "mask"),
        ("train_val", None, None),
        ("LabeledApproved_full", None, "mask"),
        ("TrainImages", "train", "image"),
    ],
)
def test_folders_tell_splits_and_roles(folder: str, split: str | None, role: str | None) -> None:
    assert split_of(folder) == split
    assert role_of(folder) == role


def test_what_is_left_of_a_name_tells_one_thing_from_another() -> None:
    assert name_of(words("Снимок-17_mask.v2")) == ("снимок",)
    assert split_name("evaluate") is None


def test_folders_side_by_side_may_differ_by_their_split_alone() -> None:
    isic = [f"ISIC2018_Task1-2_{split}_Input" for split in ("Training", "Validation")]
    assert list(split_families([*isic, "train_station", "harbour"]).values()) == ["train", "val"]
    assert split_families(["train_station", "bus_station"]) == {}
