"""What a trial changes in a proposal."""

from dataclasses import replace
from pathlib import Path

import pytest

from segloop.experiments.proposal import propose, trial
from segloop.utils.errors import DataError
from tests.experiments.proposal.sets import seen

FITS = {"step_s": 1.0, "validation_s": 1.0, "memory_bytes": 10.0, "memory_free": 100.0}


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter(
        [(0, "", {**FITS, "memory_bytes": 99.0}), (1, "a batch of 8 does not fit", {}), (0, "", FITS)]
    )
    monkeypatch.setattr(trial, "_try", lambda config: next(found))
    said: list[str] = []
    proposal = propose(seen(images=400), tmp_path, minutes=10)
    settled = trial.settle(proposal, say=said.append)
    assert settled.batch == proposal.batch // 4
    assert settled.iterations == 600
    assert f"batch_size={settled.batch}" in settled.file.read_text(encoding="utf-8")
    assert len(said) == 3


def test_a_batch_of_one_is_tried_before_nothing_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = replace(propose(seen(images=400), tmp_path, minutes=10), batch=16)
    asked: list[str] = []

    def fits_one(config: Path) -> tuple[int, str, dict[str, float]]:
        asked.append(config.read_text(encoding="utf-8"))
        fits = "train_dataloader = dict(batch_size=1," in asked[-1]
        return (0, "", FITS) if fits else (1, "a batch does not fit", {})

    monkeypatch.setattr(trial, "_try", fits_one)
    assert trial.settle(proposal).batch == 1
    assert len(asked) == 5


def test_findings_are_told_and_what_never_fits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = propose(seen(), tmp_path, minutes=10)
    monkeypatch.setattr(trial, "_try", lambda config: (1, "x classes  wrong", {}))
    with pytest.raises(DataError, match="does not get through its trial:\nx classes  wrong"):
        trial.settle(proposal)
    monkeypatch.setattr(trial, "_try", lambda config: (1, "a batch of 1 does not fit", {}))
    with pytest.raises(DataError, match="does not get through its trial:\na batch of 1 does not fit"):
        trial.settle(proposal)
