"""How many images that show nothing a training sees: a share of each pass, set in the config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DATA_SAMPLERS

from segloop.data.checks import count_values
from segloop.data.index_masks import reduced
from segloop.data.sampling import SegLoopSampler
from segloop.data.seeds import ORDER, seed_of
from segloop.utils.errors import ConfigError, DataError
from segloop.utils.progress import counted

OF_EMPTY = 1  # a stream of seeds of its own, beside that of the order within a pass


@DATA_SAMPLERS.register_module()
class EmptyShareSampler(SegLoopSampler):
    """Let empty images be a given share of each pass; every image that shows something comes once in it.

    Where most images are empty, most of a training would go by without a single object. Which of the empty
    ones come is drawn without replacement through the passes, so that all of them are seen sooner or later.
    Like `SegLoopSampler`'s, the order is a function of the seed and the position alone.

    Args:
        dataset: what is sampled: images with index masks, or with instances.
        empty_share: the share of empty images, from 0 to less than 1; None for the data's own.
        seed, shuffle, endless: as in `SegLoopSampler`.
    """

    def __init__(
        self,
        dataset: Sized,
        empty_share: float | None = None,
        seed: int | None = None,
        shuffle: bool = True,
        endless: bool = True,
    ) -> None:
        super().__init__(dataset, seed=seed, shuffle=shuffle, endless=endless)
        if empty_share is not None and not 0 <= empty_share < 1:
            raise ConfigError(f"empty_share={empty_share} is no share: choose 0 to less than 1, or None.")
        empty = empty_images(dataset)
        self.empty = [index for index, nothing in enumerate(empty) if nothing]
        self.full = [index for index, nothing in enumerate(empty) if not nothing]
        if empty_share is not None and not self.full:
            raise DataError(
                f"All {self.size} training images are empty: none shows an object, so no share of them "
                "can be kept. Look at the masks (python tools/check.py), or take empty_share away."
            )
        wanted = len(self.empty)
        if empty_share is not None and self.empty:
            wanted = round(len(self.full) * empty_share / (1 - empty_share))
        self.wanted = wanted
        self.size = len(self.full) + wanted

    def order(self, epoch: int) -> list[int]:
        """Return the indices of one pass, for all processes."""
        chosen = [*self.full, *self._drawn(epoch)]
        if not self.shuffle:
            return sorted(chosen)
        generator = torch.Generator().manual_seed(seed_of(self.seed, ORDER, epoch))
        return [chosen[place] for place in torch.randperm(len(chosen), generator=generator).tolist()]

    def _drawn(self, epoch: int) -> list[int]:
        """Return the empty images of a pass: the next piece of one permutation of them after another."""
        total, drawn = len(self.empty), []
        place, end = epoch * self.wanted, (epoch + 1) * self.wanted
        while place < end:
            turn, first = divmod(place, total)
            generator = torch.Generator().manual_seed(seed_of(self.seed, ORDER, OF_EMPTY, turn))
            piece = torch.randperm(total, generator=generator)[first : first + end - place].tolist()
            drawn += [self.empty[index] for index in piece]
            place += len(piece)
        return drawn


def empty_images(dataset: Any) -> list[bool]:
    """Return for each image of an mmengine data set whether it shows nothing but background.

    Masks are read in parallel, and those that the check of the data has seen are not read again. An image
    with instances is empty if all of them are crowds.
    """
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    if any("seg_map_path" not in info and "instances" not in info for info in infos):
        raise ConfigError(
            "EmptyShareSampler looks into masks or instances, and this data set names neither; "
            "take SegLoopSampler."
        )
    found = [all(each.get("ignore_flag") for each in info.get("instances", ())) for info in infos]
    meta: Mapping[str, Any] = getattr(dataset, "metainfo", {})
    reduces = any(info.get("reduce_zero_label") for info in infos)  # then 0 is no class, and 1 the first one
    background = meta.get("background", None if reduces else 0)
    nothing = {background, getattr(dataset, "ignore_index", 255), 255}
    masks = [index for index, info in enumerate(infos) if "instances" not in info]
    for index, values in zip(masks, _values([infos[index] for index in masks], dataset), strict=True):
        loaded = map(reduced, values) if infos[index].get("reduce_zero_label") else values
        found[index] = not set(loaded) - nothing
    return found


def _values(infos: Sequence[Mapping[str, Any]], dataset: Any) -> list[dict[int, int]]:
    files = [Path(info["seg_map_path"]) for info in infos]
    if not files:
        return []
    root = Path(getattr(dataset, "data_root", None) or files[0].parent)
    with counted("masks looked into") as progress:
        return count_values(root, files, progress=progress)
