"""The declared dicts agree with the functions that read them."""

from __future__ import annotations

import inspect
import typing

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.runner import set_random_seed
from mmengine.utils.dl_utils import set_multi_processing

from segloop.experiments.strict import shapes
from segloop.experiments.strict.signatures import words_of


def test_declares_what_mmengine_reads() -> None:
    for shape, reader in (
        (shapes.Randomness, set_random_seed),
        (shapes.Processes, set_multi_processing),
    ):
        assert set(typing.get_type_hints(shape)) <= set(inspect.signature(reader).parameters)
    paramwise = set(typing.get_type_hints(shapes.Paramwise)) - {"lr_mult", "decay_mult"}
    assert paramwise <= words_of(DefaultOptimWrapperConstructor)
