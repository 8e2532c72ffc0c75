"""Masks of classes as files: decoded whatever they are, and counted once."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters import pairs_masks
from data_converters.pairs_masks import COLORED, codes_of, count_codes, decode
from segloop.utils.errors import DataError

RED = COLORED + 0xFF0000


def put(file: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(file)
    return file


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


def test_a_file_is_read_once_until_it_changes_and_its_size_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reads(file: Path, *, colored: bool) -> np.ndarray:
        read.append(file)
        return decode(file, colored=colored)

    monkeypatch.setattr(pairs_masks, "decode", reads)
    file = put(tmp_path / "a.png", np.array([[0, 7, 7]], np.uint8))
    heard: list[tuple[int, int]] = []
    assert count_codes([file], progress=lambda *both: heard.append(both)) == (Counter({7: 2, 0: 1}), False)
    assert codes_of(file).size_hw == (1, 3)
    assert (read, heard) == ([file], [(1, 1)])
    put(file, np.zeros((30, 40), np.uint8))
    assert codes_of(file).counts == {0: 1200}
    assert "no-such" in codes_of(tmp_path / "no-such.png").error


def test_colours_count_where_each_palette_numbers_them_anew(tmp_path: Path) -> None:
    for name, order in (("a", (0, 0, 0, 255, 0, 0)), ("b", (255, 0, 0, 0, 0, 0))):
        image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
        image.putpalette(order)
        image.save(tmp_path / f"{name}.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    assert count_codes(files[:1]) == (Counter({1: 2, 0: 1}), False)
    assert count_codes(files) == (Counter({RED: 3, COLORED: 3}), True)


def test_a_gif_is_read_by_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette((255, 255, 255, 0, 0, 0))
    image.save(tmp_path / "a.gif")
    assert decode(tmp_path / "a.gif", colored=False).tolist() == [[255, 0, 0]]
