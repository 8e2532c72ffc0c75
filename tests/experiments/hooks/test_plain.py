"""What a checkpoint holds is plain, and says the same as before."""

from __future__ import annotations

import enum
import io
import logging
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from segloop.experiments.hooks.plain import PlainCheckpointHook, plain


class Mode(str, enum.Enum):
    FAST = "fast"


def test_all_of_it_passes_torchs_guard_and_means_the_same() -> None:
    history = HistoryBuffer([0.1, 0.2], [1, 3], max_length=9)
    weights = OrderedDict(a=torch.ones(2))
    weights._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
    checkpoint = {
        "state_dict": weights,
        "meta": ConfigDict(best=np.float64(0.1), path=Path("a/b"), mode=Mode.FAST, names=("x", ["y"])),
        "rng": (np.arange(3, dtype=np.uint32), np.int64(7), None, {1, 2}),
        "text": np.array(["a", "b"]),
        "message_hub": {"log_scalars": OrderedDict(loss=history)},
    }
    PlainCheckpointHook().before_save_checkpoint(None, checkpoint)
    file = io.BytesIO()
    torch.save(checkpoint, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    assert loaded["meta"] == {"best": 0.1, "path": "a/b", "mode": "fast", "names": ("x", ["y"])}
    assert type(loaded["meta"]["best"]) is float
    numbers, *rest = loaded["rng"]
    assert numbers.dtype == torch.uint32
    assert numbers.numpy().tolist() == [0, 1, 2]
    assert rest == [7, None, {1, 2}]
    assert loaded["text"] == ["a", "b"]
    kept = loaded["message_hub"]["log_scalars"]["loss"]
    assert kept["log_history"].dtype == torch.float64
    assert kept["log_history"].tolist() == [0.1, 0.2]
    assert kept["count_history"].tolist() == [1, 3]
    assert kept["max_length"] == 9
    assert loaded["state_dict"]._metadata == {"": {"version": 2}}


def test_later_changes_do_not_reach_what_is_saved() -> None:
    array = np.zeros(2)
    saved = plain(array)
    array[0] = 1
    assert saved.tolist() == [0, 0]


def test_can_report_what_has_no_plain_form(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert plain({"a": [object()]}, place="meta") == {"a": [None]}
