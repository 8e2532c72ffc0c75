"""The batches that are tried begin with those that ask most of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset

from segloop.data.image_files import ImageFacts
from segloop.experiments.dry_run import samples
from segloop.experiments.dry_run.samples import as_they_come, demand, has_places, with_batches


class Instances(Dataset):
    """Images of (10 + i) x 20 pixels; the third one is full of instances, of which half are crowds."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor(index)

    def get_data_info(self, index: int) -> dict[str, Any]:
        count = 8 if index == 2 else 1
        instances = [{"ignore_flag": number % 2} for number in range(count)]
        return {"height": 10 + index, "width": 20, "instances": instances}


class Pictures(Instances):
    """Images that only their files know the size of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {"img_path": str(self.folder / f"{index}.png")}


class Stream(IterableDataset):
    """No places."""

    def __iter__(self) -> Any:
        yield torch.zeros(1)


def test_the_largest_and_the_fullest_come_first() -> None:
    found = demand(Instances(), {})
    assert (found.samples, found.largest_hw, found.most_instances) == (5, (14, 20), 4)
    assert found.batches(2) == [[4, 3], [2, 0]]
    assert found.batches(7) == [[4, 3, 2, 1, 0, 4, 3], [2, 0, 1, 3, 4, 2, 0]]


def test_sizes_come_from_the_check_or_from_the_file(tmp_path: Path) -> None:
    Image.new("RGB", (30, 40)).save(tmp_path / "1.png")
    found = demand(Pictures(tmp_path), {tmp_path / "3.png": ImageFacts((50, 60))})
    assert found.sizes_hw == [(0, 0), (40, 30), (0, 0), (50, 60), (0, 0)]
    assert found.batches(1) == [[3]]


def test_of_very_many_samples_some_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST", 3)
    found = demand(Instances(), {})
    assert found.indices == [0, 1, 3]
    assert found.samples == 5


def test_a_data_set_that_tells_nothing_begins_with_the_first() -> None:
    class Mute(Instances):
        get_data_info = None  # type: ignore[assignment]

        def __getattribute__(self, name: str) -> Any:
            if name == "get_data_info":
                raise AttributeError(name)
            return super().__getattribute__(name)

    found = demand(Mute(), {})
    assert found.batches(2) == [[0, 0]]


def test_batches_are_chosen_and_the_rest_of_the_loader_stays() -> None:
    loader = DataLoader(Instances(), batch_size=2, collate_fn=lambda batch: [int(each) for each in batch])
    assert as_they_come(loader, 2) == [[0, 1], [2, 3]]
    assert list(with_batches(loader, [[4, 4, 4], [1]])) == [[4, 4, 4], [1]]
    assert has_places(loader)
    assert not has_places(DataLoader(Stream()))
