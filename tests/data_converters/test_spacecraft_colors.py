"""Colours stand for parts; near ones are counted, and others refused with what may help."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.spacecraft_colors import MOST_TOLERANCE, name_colors, read_colors
from segloop.data.png import encode_grey, encode_indices, encode_rgb
from tests.data_converters.spacecraft_cases import TWO, colored

CORNERS = {(0, 0, 0): 0, (255, 0, 0): 1, (0, 255, 0): 2, (0, 0, 255): 3}


def test_exact_colours_are_parts_and_need_no_word() -> None:
    found, near, strange = name_colors(np.array([[*CORNERS]], np.uint8), tolerance=0)
    assert (found.tolist(), near, strange) == ([[0, 1, 2, 3]], None, None)


@pytest.mark.parametrize("tolerance", [0, 1, 64, MOST_TOLERANCE])
def test_a_colour_is_near_if_each_channel_is(tolerance: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    pixels[::3] = pixels[::3] // 128 * np.uint8(255)  # many that are exact
    corners = np.array([*CORNERS])
    off = np.abs(pixels.reshape(-1, 1, 3).astype(int) - corners).max(axis=2)
    wanted = np.where(off.min(1) <= tolerance, off.argmin(1), 255).reshape(40, 50)
    found, near, strange = name_colors(pixels, tolerance=tolerance)
    np.testing.assert_array_equal(found, wanted)
    assert near is None
    assert strange is not None
    assert strange.startswith(f"{(wanted == 255).sum()} pixel(s)")
    pixels[wanted == 255] = 0
    found, near, strange = name_colors(pixels, tolerance=tolerance)
    known = off.min(1).reshape(40, 50)[wanted != 255]
    assert strange is None
    assert (near is None) == (known.max() == 0)
    if near is not None:
        assert near[0] == (known > 0).sum()
        assert near[1].startswith(f"up to {known.max()} off, (")


def test_what_a_wider_tolerance_would_mend_is_said() -> None:
    _, _, strange = name_colors(colored(["RhhG"]), tolerance=64)
    assert strange == (
        "2 pixel(s) of colours that are not within 64 of a part's or of black: (120, 0, 0) in 2; "
        "--color-tolerance 120 takes each for the nearest"
    )
    _, _, strange = name_colors(colored(["RhWG"]), tolerance=64)
    assert strange is not None
    assert "(255, 255, 255) in 1" in strange
    assert "takes each" not in strange


def test_masks_are_read_from_any_kind_of_png(tmp_path: Path) -> None:
    mask, file = colored(TWO), tmp_path / "mask.png"
    indices = (mask @ np.array([1, 2, 3]) // 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.dstack([mask, np.full(mask.shape[:2], 9, np.uint8)])).save(stream, "PNG")
    black = encode_grey(np.zeros((4, 11), np.uint8))
    palette = encode_indices(indices, palette=[*CORNERS])
    for data, wanted in (
        (encode_rgb(mask), mask),
        (palette, mask),
        (stream.getvalue(), mask),
        (black, 0 * mask),
    ):
        file.write_bytes(data)
        pixels, facts = read_colors(file)
        assert (facts.error, facts.size_hw) == (None, (4, 11))
        np.testing.assert_array_equal(pixels, wanted)


def test_what_is_no_mask_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mask.png"
    assert "No such file" in str(read_colors(file)[1].error)
    whole = encode_rgb(colored(TWO))
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert read_colors(file)[1].error
    file.write_bytes(encode_grey(np.full((2, 2), 300, np.uint16)))
    assert "colours of 8 bits" in str(read_colors(file)[1].error)
    file.write_bytes(b"GIF89a not really")
    assert read_colors(file)[1].error
