"""The live line is drawn on a terminal, kept out of logs, and silent elsewhere."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from segloop.experiments.hooks.progress import LiveLineHook, batch_size, clock


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def runner(logger: logging.Logger, *, iteration: int = 4, rates: dict | None = None) -> Any:
    """As much of a runner as the hook reads."""
    hub = SimpleNamespace(runtime_info={"best_score": 61.25}, update_scalar=lambda name, value: None)
    return SimpleNamespace(
        logger=logger,
        message_hub=hub,
        iter=iteration,
        max_iters=10,
        train_loop=SimpleNamespace(),
        optim_wrapper=SimpleNamespace(get_lr=lambda: rates or {"base_lr": [1.0], "lr": [1e-3]}),
    )


def play(stream: io.StringIO) -> tuple[LiveLineHook, logging.Logger, io.StringIO]:
    """Run a few iterations with a console handler on the logger."""
    console = io.StringIO()
    logger = logging.Logger("run")
    logger.addHandler(logging.StreamHandler(console))
    hook = LiveLineHook(stream=stream, every_s=0)
    state = runner(logger)
    hook.before_run(state)
    hook.before_train(state)
    batch = {"inputs": [torch.zeros(3, 8, 8)] * 2}
    for index in range(3):
        hook.after_train_iter(state, index, batch, {"loss": torch.tensor(0.5)})
    return hook, logger, console


def test_shows_where_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    play(stream)
    line = stream.getvalue().split("\r")[-1]
    for part in ("iter 5/10", "50 %", "ETA", "loss 0.500", "lr 1.0e-03", "images/s", "GB", "best 61.2"):
        assert part in line


def test_shows_the_rate_of_the_first_of_several_optimizers() -> None:
    stream = Terminal()
    hook = LiveLineHook(stream=stream, every_s=0)
    state = runner(logging.Logger("run"), rates={"body.base_lr": [1.0], "body.lr": [2e-3], "head.lr": [3e-3]})
    hook.before_train(state)
    hook.after_train_iter(state, 0, {"inputs": []}, {"loss": torch.ones((), requires_grad=True)})
    assert "loss 1.000  best 61.2  lr 2.0e-03" in stream.getvalue()


def test_log_lines_make_room_and_train_lines_stay_in_the_file() -> None:
    stream = Terminal()
    _, logger, console = play(stream)
    logger.info("Iter(train) [ 5/10]  loss: 0.5")
    logger.info("Iter(val) [1/1]  mDice: 1.0")
    assert console.getvalue() == "Iter(val) [1/1]  mDice: 1.0\n"
    assert stream.getvalue().endswith("\r")


def test_is_silent_without_a_terminal() -> None:
    stream = io.StringIO()
    _, logger, console = play(stream)
    logger.info("Iter(train) [ 5/10]  loss: 0.5")
    assert stream.getvalue() == ""
    assert "Iter(train)" in console.getvalue()


def test_counts_the_images_of_a_batch() -> None:
    assert batch_size({"inputs": [1, 2, 3]}) == 3
    assert batch_size([1, 2]) == 2
    assert batch_size(None) == 0


def test_writes_durations() -> None:
    assert [clock(value) for value in (5, 65, 3725)] == ["0:05", "1:05", "1:02:05"]
