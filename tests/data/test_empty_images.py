"""How many empty images a pass has, which ones, and that all of it follows from the seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.empty_images import EmptyShareSampler, empty_images
from segloop.utils.errors import ConfigError, DataError


class Masks:
    """A stand-in for a data set of masks: which show something is told, or read from files."""

    ignore_index = 255
    reduce_zero_label = False

    def __init__(self, root: Path, masks: list[np.ndarray], background: int | None = 0) -> None:
        self.metainfo: dict[str, int | None] = {"background": background}
        self.data_root = str(root)
        self.files = [root / f"{number}.png" for number in range(len(masks))]
        for file, mask in zip(self.files, masks, strict=True):
            Image.fromarray(mask).save(file)

    def __len__(self) -> int:
        return len(self.files)

    def get_data_info(self, index: int) -> dict:
        return {"seg_map_path": str(self.files[index]), "reduce_zero_label": self.reduce_zero_label}


class Objects:
    """A stand-in for a data set of instances."""

    def __init__(self, *images: list[dict]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def get_data_info(self, index: int) -> dict:
        return {"instances": self.images[index]}


SHIP, CROWD = {"ignore_flag": 0}, {"ignore_flag": 1}
MIXED = Objects([SHIP], [], [], [CROWD], [SHIP, CROWD], [], [], [])  # two of eight show something


def passes(sampler: EmptyShareSampler, count: int) -> list[list[int]]:
    """The first passes of an endless sampler."""
    stream = iter(sampler)
    return [list(islice(stream, sampler.size)) for _ in range(count)]


def test_masks_are_looked_into(tmp_path: Path) -> None:
    empty, ignored, full = (
        np.zeros((4, 4), np.uint8),
        np.full((4, 4), 255, np.uint8),
        np.eye(4, dtype=np.uint8),
    )
    masks = Masks(tmp_path, [empty, full, ignored, 2 * full])
    assert empty_images(masks) == [True, False, True, False]
    assert empty_images(Masks(tmp_path, [full], background=1)) == [False]  # zeros are a class there
    assert empty_images(Masks(tmp_path, [empty, ignored], background=None)) == [False, True]  # there, too


def test_masks_are_looked_into_as_they_are_loaded(tmp_path: Path) -> None:
    masks = Masks(tmp_path, [np.full((4, 4), value, np.uint8) for value in (0, 1, 2)])
    masks.reduce_zero_label = True
    assert empty_images(masks) == [True, True, False]
    masks.metainfo = {}  # nobody names a background, and 0 was dropped
    assert empty_images(masks) == [True, False, False]


def test_crowds_alone_are_nothing_to_learn() -> None:
    assert empty_images(MIXED) == [False, True, True, True, False, True, True, True]


@pytest.mark.parametrize(("share", "size"), [(0.0, 2), (0.5, 4), (0.8, 10), (None, 8)])
def test_a_pass_has_the_share_of_empty_images_that_is_asked_for(share: float | None, size: int) -> None:
    sampler = EmptyShareSampler(MIXED, empty_share=share, seed=0)
    for one in passes(sampler, 3):
        assert len(one) == size
        assert one.count(0) == one.count(4) == 1
        assert sum(index not in (0, 4) for index in one) == size - 2


def test_all_empty_images_come_before_one_comes_again() -> None:
    sampler = EmptyShareSampler(MIXED, empty_share=0.5, seed=3)
    seen = Counter(index for one in passes(sampler, 6) for index in one if index not in (0, 4))
    assert set(seen.values()) == {2}
    assert len(seen) == 6


def test_the_order_follows_from_seed_and_position() -> None:
    first, again = (passes(EmptyShareSampler(MIXED, empty_share=0.5, seed=5), 4) for _ in range(2))
    assert first == again
    assert first != passes(EmptyShareSampler(MIXED, empty_share=0.5, seed=6), 4)
    sampler = EmptyShareSampler(MIXED, empty_share=0.5, seed=5)
    assert [sampler.order(epoch) for epoch in range(4)] == first  # so a run may begin anywhere


def test_without_shuffling_a_pass_is_in_the_data_sets_order() -> None:
    order = EmptyShareSampler(MIXED, empty_share=0.5, seed=0, shuffle=False).order(0)
    assert order == sorted(order)


def test_what_cannot_be_sampled_is_told() -> None:
    with pytest.raises(ConfigError, match=r"empty_share=1 is no share"):
        EmptyShareSampler(MIXED, empty_share=1, seed=0)
    with pytest.raises(DataError, match="All 2 training images are empty"):
        EmptyShareSampler(Objects([], []), empty_share=0.5, seed=0)
    assert len(EmptyShareSampler(Objects([SHIP], [SHIP]), empty_share=0.5, seed=0)) == 2  # none to add

    class Other(Objects):
        def get_data_info(self, index: int) -> dict:
            return {"img_path": "a.png"}

    with pytest.raises(ConfigError, match="take SegLoopSampler"):
        EmptyShareSampler(Other([]), seed=0)
