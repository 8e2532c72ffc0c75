"""A loss that is no number ends the run and names the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from segloop.utils.errors import UserError
from tests.experiments.toy import Call, toy


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_stops_with_iteration_and_last_good_checkpoint(value: str, tmp_path: Path) -> None:
    def poison(runner: Any) -> None:
        with torch.no_grad():
            runner.model.layers[3].bias.fill_(float(value))

    wanted = (
        rf"(?s)loss became {value} in iteration 6 \(loss_toy {value}\).*iter_4.pth.*load_from=.*iter_4.pth"
    )
    with pytest.raises(UserError, match=wanted):
        toy(tmp_path, Call("before_train_iter", 5, poison)).train()
    assert not (tmp_path / "iter_6.pth").exists()


def test_says_so_if_nothing_was_saved(tmp_path: Path) -> None:
    def poison(runner: Any) -> None:
        runner.model.layers[3].bias.data.fill_(float("nan"))

    (tmp_path / "iter_900.pth").touch()  # of an earlier training
    with pytest.raises(UserError, match="No checkpoint was saved before"):
        toy(tmp_path, Call("before_train_iter", 0, poison)).train()
