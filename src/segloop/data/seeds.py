"""Seeds that are a function of a place in a run, and the global generators that mm transforms draw from."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# What a seed is for, so that the streams of one run never meet.
ORDER, SAMPLE, ITERATION, VALIDATION = range(4)


def seed_of(seed: int, purpose: int, *place: int) -> int:
    """Return 64 bits that depend on the run's seed, the purpose and the place alone.

    >>> seed_of(0, ORDER, 1) == seed_of(0, ORDER, 1), seed_of(0, ORDER, 1) == seed_of(1, ORDER, 0)
    (True, False)
    """
    key = struct.pack(f"<{2 + len(place)}q", seed, purpose, *place)
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


def seed_generators(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch on the CPU from 64 bits."""
    random.seed(seed)
    # numpy and torch run the same algorithm on 32 bits each: with the same half they would draw alike
    np.random.seed(seed >> 32)
    torch.default_generator.manual_seed(seed & 0xFFFFFFFF)


def seed_devices(seed: int) -> None:
    """Seed the global generators of the GPUs in use: `manual_seed` takes 0.1 ms where there are none."""
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    elif torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


@contextmanager
def kept_generators() -> Iterator[None]:
    """Let the block seed and draw as it likes; afterwards the global generators go on where they were."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
