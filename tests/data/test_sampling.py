"""Orders and draws depend on seed and place alone: not on workers, processes, or where the run began."""

from __future__ import annotations

import itertools
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset

from segloop.data import sampling
from segloop.data.sampling import PlacedBatches, SeededDataset, SegLoopSampler, placed

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
DATA = list(range(7))


def sampler(
    monkeypatch: pytest.MonkeyPatch, rank: int = 0, of: int = 1, *, seed: int = 0, **kwargs: Any
) -> SegLoopSampler:
    """The sampler of one of several processes."""
    monkeypatch.setattr(sampling, "get_dist_info", lambda: (rank, of))
    return SegLoopSampler(DATA, seed=seed, **kwargs)


class Noise(Dataset):
    """Draws from all generators and says of which sample."""

    metainfo = {"classes": ("a",)}  # noqa: RUF012
    pipeline = "first"

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> list[float]:
        return [index, random.random(), np.random.rand(), float(torch.rand(()))]  # noqa: NPY002


class Stream(IterableDataset):
    """Has no places."""

    def __iter__(self) -> Any:
        return iter(DATA)


def loader(workers: int = 0, *, endless: bool = True, seed: int = 3) -> DataLoader:
    """Batches of three noises."""
    order = SegLoopSampler(DATA, seed=seed, endless=endless)
    plain = DataLoader(
        Noise(), 3, sampler=order, num_workers=workers, persistent_workers=workers > 0, collate_fn=list
    )
    return placed(plain, seed=seed, endless=endless)


def test_every_pass_shows_every_sample_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = list(itertools.islice(sampler(monkeypatch), 21))
    passes = [stream[start : start + 7] for start in (0, 7, 14)]
    assert all(sorted(one) == DATA for one in passes)
    assert passes[0] != passes[1] != passes[2]
    assert stream == list(itertools.islice(sampler(monkeypatch), 21))
    assert list(itertools.islice(sampler(monkeypatch, shuffle=False), 9)) == [*DATA, 0, 1]


def test_seeds_share_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = [tuple(sampler(monkeypatch, seed=seed).order(epoch)) for seed in range(6) for epoch in range(6)]
    assert len(set(passes)) == 36  # mmengine's order of seed 1 is that of seed 0 one epoch later


@pytest.mark.parametrize("processes", [2, 3, 9])
def test_processes_share_the_stream(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [sampler(monkeypatch, rank, processes) for rank in range(processes)]
    parts = [list(itertools.islice(share, 30)) for share in shares]
    together = [parts[place % processes][place // processes] for place in range(30)]
    assert together == list(itertools.islice(sampler(monkeypatch), 30))


def test_epochs_are_rounded_up_to_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [sampler(monkeypatch, rank, 2, endless=False) for rank in range(2)]
    for share in shares:
        share.set_epoch(4)
    first, second = (list(share) for share in shares)
    assert len(first) == len(second) == len(shares[0]) == 4
    assert sorted(first + second)[:1]
    assert set(first + second) == set(DATA)
    shares[0].set_epoch(5)
    assert list(shares[0]) != first


def test_no_data_give_no_samples() -> None:
    assert list(SegLoopSampler([], seed=0)) == []
    assert list(PlacedBatches(BatchSampler([], 2, False), seed=0, endless=True)) == []


@pytest.mark.parametrize("kind", [SegLoopSampler, InfiniteSampler])
def test_begins_anywhere_as_if_it_had_been_there_all_along(kind: Any) -> None:
    def batches() -> PlacedBatches:
        return PlacedBatches(BatchSampler(kind(DATA, seed=1), 2, False), seed=1, endless=True)

    whole = list(itertools.islice(batches(), 20))
    late = batches()
    late.begin(seed=1, iteration=12, skip=12)
    assert list(itertools.islice(late, 8)) == whole[12:]
    assert len({place.seed for batch in whole for place in batch}) == 40


def test_a_sampler_of_epochs_becomes_endless_without_a_cut() -> None:
    batches = PlacedBatches(
        BatchSampler(SegLoopSampler(DATA, seed=1, endless=False), 3, False), seed=1, endless=True
    )
    indices = [place.sample for batch in itertools.islice(batches, 6) for place in batch]
    assert sorted(indices[:7]) == sorted(indices[7:]) == DATA
    assert indices[:7] != indices[7:]


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_are_the_same_in_any_number_of_loader_processes(workers: int) -> None:
    alone = list(itertools.islice(loader(), 5))
    assert list(itertools.islice(loader(workers), 5)) == alone
    draws = [draw for batch in alone for sample in batch for draw in sample[1:]]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("workers", [0, 1])
def test_epochs_begin_in_the_middle_with_loader_processes_that_live_on(workers: int) -> None:
    epochs = loader(workers, endless=False)
    epochs.batch_sampler.begin(seed=3, iteration=0, skip=0)
    whole = list(epochs)
    epochs.batch_sampler.begin(seed=3, iteration=1, skip=1)
    assert list(epochs) == whole[1:]
    assert len(epochs) == len(whole) == 3


def test_the_main_process_draws_on_undisturbed() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    wanted = random.random(), np.random.randn(3).tolist(), torch.rand(2).tolist()  # noqa: NPY002
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    batches = iter(loader())  # draws a seed that torch gives its loader processes
    torch.manual_seed(1)
    first = np.random.randn()  # noqa: NPY002
    next(batches)
    drawn = random.random(), [first, *np.random.randn(2).tolist()], torch.rand(2).tolist()  # noqa: NPY002
    assert drawn == wanted


def test_the_seeded_set_is_the_inner_set_in_all_else() -> None:
    seeded = SeededDataset(Noise())
    assert seeded.metainfo == Noise.metainfo
    assert len(seeded) == 7
    assert seeded[5][0] == 5
    seeded.pipeline = "second"
    assert seeded.dataset.pipeline == "second"
    assert pickle.loads(pickle.dumps(seeded)).dataset.pipeline == "second"
    assert not hasattr(seeded, "keys")


def test_what_has_no_places_is_left_alone() -> None:
    stream = DataLoader(Stream())
    assert placed(stream, seed=0, endless=True) is stream
