"""What the values and colours of masks mean."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data_converters.pairs_key import Known
from data_converters.pairs_masks import COLORED
from data_converters.pairs_values import LARGE, Meaning, find_meaning
from segloop.utils.errors import DataError

RED, GREEN, VOID = COLORED + 0xFF0000, COLORED + 0x00FF00, COLORED + 0xE0E0C0


@pytest.mark.parametrize(
    ("counts", "names", "background"),
    [
        ({0: 10, 255: 90}, ("background", "foreground"), 0),
        ({0: 90, 1: 5, 2: 5}, ("background", "class_1", "class_2"), 0),
        ({0: 90, 1: 5, 255: 5}, ("background", "foreground"), 0),
        ({1: 50, 2: 50}, ("class_1", "class_2"), None),
        ({0: 10, 1: 40, 2: 50}, ("class_0", "class_1", "class_2"), None),
        ({0: 90, 5: 2, 20: 3, 255: 5}, ("background", "class_5", "class_20"), 0),
        ({0: 90, 127: 5, 255: 5}, ("background", "class_127", "class_255"), 0),
    ],
)
def test_grey_values_are_classes(counts: dict, names: tuple, background: int | None) -> None:
    meaning, labels, _ = find_meaning(Counter(counts), colored=False)
    assert labels.names == names
    assert labels.background == background
    mask = np.array([sorted(counts)])
    found, strange = meaning.index_map(mask)
    assert found.tolist() == [[*range(len(names)), *[255] * (len(counts) - len(names))]]
    assert not strange


def test_colours_are_classes_and_the_outline_of_voc_is_ignored() -> None:
    meaning, labels, told = find_meaning(Counter({COLORED: 80, RED: 10, GREEN: 5, VOID: 5}), colored=True)
    assert labels.names == ("background", "green", "red")
    assert [each.color for each in labels.labels] == [(0, 0, 0), (0, 255, 0), (255, 0, 0)]
    assert meaning.index_map(np.array([[VOID, RED, COLORED]]))[0].tolist() == [[255, 2, 0]]
    assert any("224,224,192 is ignored" in each for each in told)
    assert meaning.index_map(np.array([[7]]))[1] == [7]


def test_smoothed_and_jpeg_masks_are_cut_in_the_middle() -> None:
    noise = dict.fromkeys((1, 2, 3, 90, 160, 252, 253, 254), 1)
    meaning, labels, told = find_meaning(Counter({0: 900, 255: 92, **noise}), colored=False)
    assert labels.names == ("background", "foreground")
    assert meaning.index_map(np.array([[2, 127, 128, 200]]))[0].tolist() == [[0, 0, 1, 1]]
    assert any("not clean" in each for each in told)
    resized = Counter({0: 800, 255: 100, **{10 * k + 5: 3 for k in range(24)}})
    assert len(find_meaning(resized, colored=False)[1]) == 2


def test_a_hundred_classes_are_not_taken_for_noise() -> None:
    assert len(find_meaning(Counter(dict.fromkeys(range(100), 100)), colored=False)[1]) == 100
    voc = Counter({0: 800, **dict.fromkeys(range(1, 21), 5), 255: 50})
    assert len(find_meaning(voc, colored=False)[1]) == 21, "and 255 is ignored"
    few = Counter({0: 900, 1: 30, 2: 30, 3: 10, 255: 30})
    assert len(find_meaning(few, colored=False)[1]) == 4


def test_noisy_colours_go_to_the_nearest_frequent_one() -> None:
    generator = np.random.default_rng(0)
    near = {RED - (int(a) << 16) + int(b): 1 for a, b in generator.integers(0, 20, (300, 2))}
    meaning, labels, _ = find_meaning(Counter({COLORED: 90_000, RED: 9_000, **near}), colored=True)
    assert labels.names == ("background", "foreground")
    assert meaning.index_map(np.array([[RED + 5, COLORED + 3]]))[0].tolist() == [[1, 0]]


def test_colours_that_are_near_no_frequent_one_are_told_and_a_file_of_classes_keeps_them() -> None:
    near = {RED - (number << 16): 1 for number in range(1, 30)}
    near |= {GREEN + number: 1 for number in range(1, 39)}
    blue = COLORED + 0x0000FF
    counts = Counter({COLORED: 90_000, RED: 9_000, GREEN: 900, blue: 150, blue - 1: 9, **near})
    _, labels, told = find_meaning(counts, colored=True)
    assert labels.names == ("background", "green", "red")
    lost = "0.16 % of the pixels are near none of these, 150 of them of colour 0,0,255"
    assert any(lost in each for each in told)
    names, colors = ("bg", "r", "g", "b"), (0, 0xFF0000, 0xFF00, 0xFF)
    known = Known(Path("class_dict.csv"), names, (0, 1, 2, 3), colors)
    meaning, labels, told = find_meaning(counts, colored=True, known=known)
    assert labels.names == names
    mask = np.array([[COLORED, RED - (1 << 16), GREEN + 1, blue - 1]])
    assert meaning.index_map(mask)[0].tolist() == [[0, 1, 2, 3]]
    assert any("72 colours; each is taken for the nearest of the file's" in each for each in told)
    counts[COLORED + 0xFFFF00] = 300
    with pytest.raises(DataError, match=r"does not name:\n  colour 255,255,0: 300 pixels"):
        find_meaning(counts, colored=True, known=known)


def test_names_that_the_user_gives_are_of_the_values_in_order() -> None:
    counts = Counter({0: 90, 7: 10})
    assert find_meaning(counts, colored=False, labels=("rust",))[1].names == ("background", "rust")
    assert find_meaning(counts, colored=False, labels=("sea", "ship"))[1].names == ("sea", "ship")
    with pytest.raises(DataError, match=r"3 labels are named, and there are 2 classes:\n  value 0: 90 %"):
        find_meaning(counts, colored=False, labels=("a", "b", "c"))


def test_masks_of_one_value_of_photographs_and_of_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="value 3 and nothing else"):
        find_meaning(Counter({3: 9}), colored=False)
    with pytest.raises(DataError, match="numbers of objects"):
        find_meaning(Counter(dict.fromkeys(range(600), 5)), colored=False)
    with pytest.raises(DataError, match="no masks of classes"):
        find_meaning(Counter({COLORED + 977 * value: 5 for value in range(9000)}), colored=True)


def test_a_file_of_classes_has_the_last_word() -> None:
    known = Known(Path("classes.csv"), ("sea", "ship"), (0, 4), None)
    meaning, labels, _ = find_meaning(Counter({0: 9, 4: 1, 255: 1}), colored=False, known=known)
    assert (labels.names, labels.background) == (("sea", "ship"), 0)
    assert meaning.index_map(np.array([[4, 255]]))[0].tolist() == [[1, 255]]
    with pytest.raises(DataError, match=r"does not name:\n  value 3: 1 pixels"):
        find_meaning(Counter({0: 9, 3: 1}), colored=False, known=known)
    with pytest.raises(DataError, match="gives no colours"):
        find_meaning(Counter({RED: 9}), colored=True, known=known)


def test_what_is_void_by_its_name_is_ignored_unless_it_covers_the_most() -> None:
    known = Known(Path("classes.csv"), ("Void", "Sky", "Road"), (0, 1, 2), None)
    meaning, labels, told = find_meaning(Counter({0: 2, 1: 50, 2: 48}), colored=False, known=known)
    assert (labels.names, labels.background) == (("Sky", "Road"), None)
    assert meaning.index_map(np.array([[0, 1, 2]]))[0].tolist() == [[255, 0, 1]]
    assert told[0] == "Void of classes.csv is ignored: it is neither trained on nor scored"
    unlabeled = Known(Path("classes.csv"), ("unlabeled", "ship", "pier"), (0, 1, 2), None)
    _, labels, _ = find_meaning(Counter({0: 90, 1: 5, 2: 5}), colored=False, known=unlabeled)
    assert (labels.names, labels.background) == (("unlabeled", "ship", "pier"), 0)


def test_a_user_names_what_is_no_class_and_is_told_that_it_can_be_named() -> None:
    trimap = Counter({1: 11, 2: 84, 3: 5})
    meaning, labels, told = find_meaning(trimap, colored=False, labels=("pet", "background", "ignore"))
    assert (labels.names, labels.background) == (("pet", "background"), 1)
    assert meaning.index_map(np.array([[1, 2, 3]]))[0].tolist() == [[0, 1, 255]]
    assert "value 3 is called ignore: it is ignored" in told
    assert "one called ignore is ignored" in find_meaning(trimap, colored=False)[2][-1]


def test_zero_is_ignored_or_the_background_where_a_file_counts_from_one() -> None:
    known = Known(Path("objectInfo150.txt"), ("wall", "sky"), (1, 2), None)
    meaning, labels, told = find_meaning(Counter({0: 5, 1: 50, 2: 45}), colored=False, known=known)
    assert labels.names == ("wall", "sky")
    assert meaning.index_map(np.array([[0, 2]]))[0].tolist() == [[255, 1]]
    assert "value 0, which objectInfo150.txt does not name, is ignored" in told[0]
    _, labels, _ = find_meaning(Counter({0: 90, 1: 5, 2: 5}), colored=False, known=known)
    assert (labels.names, labels.background) == (("background", "wall", "sky"), 0)


@pytest.mark.parametrize("colored", [False, True])
@pytest.mark.parametrize("near", [False, True])
def test_large_masks_are_read_as_small_ones_are(colored: bool, near: bool) -> None:
    draw = np.random.default_rng(0)
    codes = np.array([0, 3, 200], np.int64) + (COLORED if colored else 0)
    known = Meaning(codes, np.array([0, 1, 2], np.uint8), colored, near)
    mask = draw.choice([*codes.tolist(), int(codes[0]) + 90], size=(300, 300)).astype(np.int64)
    whole, strange = known.index_map(mask)
    rows = [known.index_map(row[None]) for row in mask]
    assert mask.size >= LARGE > mask[0].size
    assert np.array_equal(whole, np.concatenate([classes for classes, _ in rows]))
    assert strange == sorted({code for _, each in rows for code in each})
    assert bool(strange) is not near


@pytest.mark.parametrize("near", [False, True])
def test_bytes_are_read_as_numbers_are(near: bool) -> None:
    known = Meaning(np.array([0, 3, 200]), np.array([0, 1, 2], np.uint8), False, near)
    mask = np.random.default_rng(0).choice([0, 3, 200, 90], size=(40, 50)).astype(np.uint8)
    whole, strange = known.index_map(mask)
    other, other_strange = known.index_map(mask.astype(np.int64))
    assert whole.dtype == np.uint8
    assert np.array_equal(whole, other)
    assert strange == other_strange == ([] if near else [90])
    plain = Meaning(np.arange(3), np.arange(3, dtype=np.uint8), False)
    mask = np.array([[0, 2]], np.uint8)
    assert plain.index_map(mask)[0] is mask, "nothing is copied where numbers stay"
