"""Patience is off until it is given, then counts validations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from segloop.experiments.hooks.patience import PatienceHook


@pytest.mark.parametrize(("patience", "stopped_after"), [(None, None), (2, 3)])
def test_stops_after_that_many_validations(patience: int | None, stopped_after: int | None) -> None:
    hook = PatienceHook(monitor="mDice_fg", patience=patience, rule="greater")
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(train_loop=loop, logger=SimpleNamespace(info=lambda text: None))
    stopped = None
    for count, score in enumerate([50.0, 49.0, 48.0, 47.0], start=1):
        hook.after_val_epoch(runner, {"mDice_fg": score})
        if loop.stop_training and stopped is None:
            stopped = count
    assert stopped == stopped_after


def test_a_resumed_run_counts_on() -> None:
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(train_loop=loop, logger=SimpleNamespace(info=lambda text: None), _resume=True)
    hook, checkpoint = PatienceHook(monitor="mDice_fg", patience=2, rule="greater"), {}
    for score in (50.0, 49.0):
        hook.after_val_epoch(runner, {"mDice_fg": score})
    hook.before_save_checkpoint(runner, checkpoint)
    again = PatienceHook(monitor="mDice_fg", patience=2, rule="greater")
    again.after_load_checkpoint(runner, checkpoint)
    again.before_train(runner)
    assert not loop.stop_training
    again.after_val_epoch(runner, {"mDice_fg": 49.5})
    assert loop.stop_training

    again.before_save_checkpoint(runner, checkpoint)
    loop.stop_training = False
    ended = PatienceHook(monitor="mDice_fg", patience=2, rule="greater")
    ended.after_load_checkpoint(runner, checkpoint)
    ended.before_train(runner)
    assert loop.stop_training, "a run that had ended does not go on"
