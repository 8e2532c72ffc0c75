import pytest

from data_converters.names import name_of, role_of, split_name, split_of, words


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
    ],
)
def test_folders_tell_splits_and_roles(folder: str, split: str | None, role: str | None) -> None:
    assert split_of(folder) == split
    assert role_of(folder) == role


def test_what_is_left_of_a_name_tells_one_thing_from_another() -> None:
    assert name_of(words("Снимок-17_mask.v2")) == ("снимок",)
    assert split_name("evaluate") is None
