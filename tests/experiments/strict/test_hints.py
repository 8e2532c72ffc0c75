"""Only a value that cannot be meant is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from segloop.experiments.strict.hints import fits, of_default, of_docstring


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, float, True),
        (3.0, int, True),
        ("3", int, False),
        (3, str, False),
        (None, int, True),
        (1, bool, True),
        (2, bool, False),
        ("no", bool, False),
        ([1, 2], tuple[int, ...], True),
        ((1, "a"), Sequence[int], False),
        ("ab", Sequence[str], False),
        (1, list, False),
        ({"a": 1}, dict, True),
        (1, ConfigDict, False),
        ({"a": "x"}, dict[str, int], False),
        ({"type": "A"}, nn.Module, True),
        ("A", nn.Module, False),
        ("fast", float | torch.Tensor, False),
        ("float16", torch.dtype, True),
        ("min", Literal["min", "max"], True),
        ("mni", Literal["min", "max"], False),
        ("anything", Callable, True),
        (3, Any, True),
        (int, str, True),
    ],
)
def test_fits(value: Any, hint: Any, expected: bool) -> None:
    assert fits(value, hint) is expected


def test_reads_hints_from_defaults_and_docstrings() -> None:
    assert of_default(True) is bool
    assert of_default((1, "a")) is list
    text = "Args:\n    a (int): A.\n    b (:obj:`ConfigDict` or dict, optional): B.\n    c (Foo): C.\n"
    assert of_docstring(text, "a") is float
    assert fits({}, of_docstring(text, "b"))
    assert not fits("x", of_docstring(text, "b"))
    assert of_docstring(text, "c") is Any
    assert of_docstring(text, "d") is None
    assert of_docstring(None, "a") is None
