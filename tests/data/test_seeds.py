"""Seeds that meet nowhere, and generators that go on where they were."""

from __future__ import annotations

import itertools
import random

import numpy as np
import torch

from segloop.data.seeds import ITERATION, SAMPLE, kept_generators, seed_generators, seed_of


def draw() -> tuple[float, float, float, float]:
    """Draw from each global generator, of numpy also what it keeps half of."""
    return random.random(), np.random.rand(), np.random.randn(), float(torch.rand(()))  # noqa: NPY002


def test_each_place_and_purpose_has_a_seed_of_its_own() -> None:
    keys = itertools.product((0, 1, 7), (SAMPLE, ITERATION), range(20), range(4))
    seeds = [seed_of(*key) for key in keys]
    assert len(set(seeds)) == len(seeds) == 480
    assert seed_of(0, SAMPLE, 1, 2) == 0x55E83C4DAE2CFBEF, (
        "a run must be the same on every machine and version"
    )


def test_seeds_every_generator() -> None:
    with kept_generators():
        seed_generators(seed_of(0, SAMPLE, 1))
        first = draw()
        seed_generators(seed_of(0, SAMPLE, 1))
        assert draw() == first
        seed_generators(seed_of(0, SAMPLE, 2))
        assert all(one != other for one, other in zip(first, draw(), strict=True))


def test_numpy_and_torch_do_not_draw_alike() -> None:
    with kept_generators():
        seed_generators(seed_of(0, SAMPLE, 1))
        assert np.random.get_state()[1][0] != torch.initial_seed() % 2**32  # noqa: NPY002


def test_generators_go_on_where_they_were() -> None:
    with kept_generators():
        seed_generators(5)
        draw()
        with kept_generators():
            wanted = draw()
        with kept_generators():
            seed_generators(6)
            draw()
        assert draw() == wanted
