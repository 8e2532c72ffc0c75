"""The device: what is taken by default, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator

import mmengine.device.utils
import pytest
import torch
from mmengine.device import get_device

from segloop.experiments import device
from segloop.experiments.device import choose_device
from segloop.utils.errors import ConfigError


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that was given two cards of a machine."""
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, GPU-6f")
    device._visible.cache_clear()
    yield
    device._visible.cache_clear()


@pytest.mark.parametrize(("best", "taken"), [("mps", "cpu"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_apples_gpu_is_taken_only_if_asked_for(
    best: str, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmengine.device.utils.DEVICE", best)
    choose_device(None)
    assert get_device() == taken


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose cpu, cuda"):
        choose_device("gpu")


@pytest.mark.usefixtures("given")
def test_a_card_is_one_of_those_that_the_process_was_given() -> None:
    for name, card in (("cuda:1", "GPU-6f"), ("cpu", ""), ("cuda:0", "4"), ("cuda:0", "4")):
        choose_device(name)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == card
    with pytest.raises(ConfigError, match=r"counted from 0, .* names: 4, GPU-6f\."):
        choose_device("cuda:2")
