"""The device: what is taken by default, and what is refused."""

from __future__ import annotations

import pytest
from mmengine.device import get_device

from segloop.experiments.device import choose_device
from segloop.utils.errors import ConfigError


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
