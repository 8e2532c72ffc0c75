"""What the values and colours of masks mean."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.pairs_key import Known
from data_converters.pairs_values import COLORED, LARGE, Meaning, count_codes, decode, find_meaning
from segloop.utils.errors import DataError

RED, GREEN, VOID = COLORED + 0xFF0000, COLORED + 0x00FF00, COLORED + 0xE0E0C0


def put(file: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(file)
    return file


@pytest.mark.parametrize(
    ("counts", "names", "background"),
    [
        ({0: 10, 255: 90}, ("background", "foreground"), 0),
        ({0: 90, 1: 5, 2: 5}, ("background", "class_1", "class_2"), 0),
        ({0: 90, 1: 5, 255: 5}, ("background", "foreground"), 0),
        ({1: 50, 2: 50}, ("class_1", "class_2"), None),
        ({0: 10, 1: 40, 2: 50}, ("class_0", "class_1", "class_2"), None),
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
    few = Counter({0: 900, 1: 30, 2: 30, 3: 10, 255: 30})
    assert len(find_meaning(few, colored=False)[1]) == 4


def test_noisy_colours_go_to_the_nearest_frequent_one() -> None:
    generator = np.random.default_rng(0)
    near = {RED - (int(a) << 16) + int(b): 1 for a, b in generator.integers(0, 20, (300, 2))}
    meaning, labels, _ = find_meaning(Counter({COLORED: 90_000, RED: 9_000, **near}), colored=True)
    assert labels.names == ("background", "foreground")
    assert meaning.index_map(np.array([[RED + 5, COLORED + 3]]))[0].tolist() == [[1, 0]]


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


def test_grey_that_was_saved_as_rgb_is_grey_and_one_black_mask_hides_no_colour(tmp_path: Path) -> None:
    mask = np.array([[0, 1], [2, 2]], np.uint8)
    file = put(tmp_path / "grey.png", np.repeat(mask[..., None], 3, -1))
    assert count_codes([file]) == (Counter({2: 2, 0: 1, 1: 1}), False)
    assert decode(file, colored=False).tolist() == mask.tolist()
    red = put(tmp_path / "red.png", np.full((1, 1, 3), (255, 0, 0), np.uint8))
    black = put(tmp_path / "black.png", np.zeros((1, 1, 3), np.uint8))
    assert count_codes([black, red]) == (Counter({COLORED: 1, RED: 1}), True)


def test_transparent_is_black_and_a_broken_file_is_told(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 255], [9, 9, 200, 0]]], np.uint8)
    assert decode(put(tmp_path / "a.png", pixels), colored=True).tolist() == [[RED, COLORED]]
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"b\.png"):
        decode(tmp_path / "b.png", colored=True)
    assert count_codes([tmp_path / "b.png"]) == (Counter(), False)


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
