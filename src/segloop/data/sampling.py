"""Which sample comes where in a run, and what it draws, as functions of the seed and the place alone."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from itertools import count, islice
from typing import Any, NamedTuple

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, get_worker_info

from segloop.data.seeds import ORDER, SAMPLE, kept_generators, seed_generators, seed_of

# What a DataLoader is built from, besides what is replaced here.
KEPT = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
    "in_order",
)


@DATA_SAMPLERS.register_module()
class SegLoopSampler(Sampler[int]):
    """Yield this process's share of an order that depends on the seed and the position alone.

    Nothing is carried from one sample to the next, so a run can begin at any position. Each pass over the
    data has an order of its own.

    Args:
        dataset: what is sampled.
        seed: the run's seed; the same in all processes.
        shuffle: whether a pass has a random order or the data's own.
        endless: go through the data again and again, without a cut between passes, as iteration-based
            training wants it; otherwise, and in a training by epochs, one pass, whose number `set_epoch`
            gives, in which the first samples come twice where the processes' shares would differ in length.
    """

    def __init__(
        self, dataset: Sized, seed: int | None = None, shuffle: bool = True, endless: bool = True
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.size = len(dataset)
        self.seed = sync_random_seed() if seed is None else seed
        self.shuffle = shuffle
        self.endless = endless
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        """Yield indices, from the first of the run or of the pass."""
        if not self.endless:
            order = self.order(self.epoch)
            for place in range(self.rank, len(self) * self.world_size, self.world_size):
                yield order[place % self.size]
            return
        for epoch in count() if self.size else ():
            first = (self.rank - epoch * self.size) % self.world_size  # where the share goes on in this pass
            yield from islice(self.order(epoch), first, None, self.world_size)

    def order(self, epoch: int) -> list[int]:
        """Return the indices of one pass over the data, for all processes."""
        if not self.shuffle:
            return list(range(self.size))
        generator = torch.Generator().manual_seed(seed_of(self.seed, ORDER, epoch))
        return torch.randperm(self.size, generator=generator).tolist()

    def set_epoch(self, epoch: int) -> None:
        """Choose the pass that is yielded next, unless the sampler is endless."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return how many samples of a pass are this process's."""
        return -(-self.size // self.world_size)


class Place(NamedTuple):
    """The index of a sample that is wanted, and the seed of everything random that is done to it."""

    sample: int
    seed: int


class PlacedBatches(Sampler[list[Place]]):
    """Go through the batches of any batch sampler, from any iteration on, with a seed for each sample.

    What is left out at the beginning is only counted, never loaded.

    Args:
        batches: the batch sampler; its order must depend on seed and epoch alone.
        seed: the run's seed.
        endless: begin again at the end, as the next epoch.
    """

    def __init__(self, batches: Any, *, seed: int, endless: bool) -> None:
        self.batches = batches
        self.sampler: Any = getattr(batches, "sampler", None)  # where mmengine's hook sets the epoch
        self.batch_size = getattr(batches, "batch_size", None)
        self.drop_last = getattr(batches, "drop_last", False)
        self.seed = seed
        self.endless = endless
        self.iteration = self.skip = 0
        self.rank, _ = get_dist_info()

    def begin(self, *, seed: int, iteration: int, skip: int) -> None:
        """Let the next pass be of this seed, leave out `skip` batches, and be the run at `iteration`."""
        if self.seed != seed and hasattr(self.sampler, "seed"):
            self.sampler.seed = seed  # a run without a seed in its config took one; its checkpoint knows it
        self.seed, self.iteration, self.skip = seed, iteration, skip

    def __iter__(self) -> Iterator[list[Place]]:
        """Yield batches of places."""
        batches = self._endless() if self.endless else iter(self.batches)
        for iteration, batch in enumerate(islice(batches, self.skip, None), start=self.iteration):
            yield [
                Place(index, seed_of(self.seed, SAMPLE, iteration, self.rank, slot))
                for slot, index in enumerate(batch)
            ]

    def __len__(self) -> int:
        """Return the number of batches in one epoch."""
        return len(self.batches)

    def _endless(self) -> Iterator[list[int]]:
        for epoch in count():
            if hasattr(self.sampler, "set_epoch"):
                self.sampler.set_epoch(epoch)
            empty = True
            for batch in self.batches:
                empty = False
                yield batch
            if empty:
                return


class SeededDataset(Dataset):
    """A data set whose samples draw from generators seeded by their place; all else is the inner set's.

    mm transforms draw from the global generators, which live as long as a loader process; here each sample
    finds them as its own seed makes them. In the main process they are put back after each batch.
    """

    dataset: Any

    def __init__(self, dataset: Any) -> None:
        self.__dict__["dataset"] = dataset

    def __getitem__(self, place: Place | int) -> Any:
        """Return the sample of a place; of a bare index as the inner set gives it."""
        if not isinstance(place, Place):
            return self.dataset[place]
        return self.__getitems__([place])[0]

    def __getitems__(self, places: list[Place]) -> list[Any]:
        """Return a batch, as torch's loaders ask for it."""
        if get_worker_info() is not None:
            return [self._sample(place) for place in places]
        with kept_generators():
            return [self._sample(place) for place in places]

    def _sample(self, place: Place) -> Any:
        seed_generators(place.seed)
        return self.dataset[place.sample]

    def __len__(self) -> int:
        """Return the inner set's length."""
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        """Look up in the inner set what hooks and tools ask of it."""
        if name.startswith("__"):  # copying and pickling ask before there is an inner set
            raise AttributeError(name)
        return getattr(self.__dict__["dataset"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set in the inner set what hooks change of it, its pipeline for example."""
        setattr(self.__dict__["dataset"], name, value)


def placed(loader: DataLoader, *, seed: int, endless: bool) -> DataLoader:
    """Return a loader of the same samples that can begin anywhere and seeds each sample.

    Unless it is `endless` it ends with each pass, a `SegLoopSampler` too that was to go on. A loader of a
    stream, or one without batches, has no places and is returned as it is.
    """
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        return loader
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if isinstance(sampler, SegLoopSampler) and not endless:
        sampler.endless = False
    return DataLoader(
        SeededDataset(loader.dataset),
        batch_sampler=PlacedBatches(loader.batch_sampler, seed=seed, endless=endless),
        **{name: getattr(loader, name) for name in KEPT if hasattr(loader, name)},
    )
