"""The config of a proposal."""

from pathlib import Path

import pytest
import yaml

from segloop.experiments.config import load_config
from segloop.experiments.proposal import propose
from segloop.experiments.proposal.write import Measured
from tests.experiments.proposal.sets import seen

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("kind", ["semantic", "instances"])
def test_a_proposal_is_a_config_that_loads(kind: str, gpu: bool, tmp_path: Path) -> None:
    (tmp_path / "_base_").symlink_to(CONFIGS / "_base_")
    proposal = propose(seen(kind=kind, gpu=gpu), tmp_path / "x", minutes=5)
    proposal.write()
    config = load_config(proposal.file)
    assert config.train_dataloader.batch_size == proposal.batch
    assert config.train_dataloader.dataset.data_root == "data/x"
    assert config.demo is None
    assert all(len(line) <= 130 for line in proposal.text().splitlines())
    goals = yaml.safe_load((tmp_path / "x" / "goals.yaml").read_text(encoding="utf-8"))
    assert goals["title"] == "x"


def test_the_length_follows_from_the_time_and_ends_where_all_was_seen_often(tmp_path: Path) -> None:
    proposal = propose(seen(images=400), tmp_path, minutes=10)
    assert proposal.after(Measured(step_s=0.5, validation_s=0.0)).iterations == 1200
    assert proposal.after(Measured(step_s=10.0, validation_s=100.0)).iterations == 200
    assert proposal.after(Measured(step_s=0.001, validation_s=0.0)).epochs == pytest.approx(300, rel=0.02)


def test_goals_of_the_user_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "goals.yaml").write_text("mine", encoding="utf-8")
    propose(seen(), tmp_path, minutes=5).write()
    assert (tmp_path / "goals.yaml").read_text(encoding="utf-8") == "mine"


def test_the_config_tells_its_reasons_and_its_cost(tmp_path: Path) -> None:
    proposal = propose(seen(), tmp_path, minutes=10)
    assert "# Cost: not measured." in proposal.text()
    text = proposal.after(Measured(step_s=1.0, validation_s=1.0, memory_bytes=2_000_000_000)).text()
    assert "# Cost: 600 iterations, about 10 minutes, 2.0 GB alone on the" in text
    assert "# crop: none (images are 64x64: taken whole)" in text
    text = proposal.after(Measured(step_s=0.93, validation_s=670.0, memory_bytes=0)).text()
    assert "; 0.9 s a step, 11 min a validation, about " in text


def test_validations_take_a_small_part_of_the_time_only(tmp_path: Path) -> None:
    proposal = propose(seen(), tmp_path, minutes=10)
    cheap = proposal.after(Measured(step_s=1.0, validation_s=20.0))
    dear = proposal.after(Measured(step_s=1.0, validation_s=80.0))
    endless = proposal.after(Measured(step_s=1.0, validation_s=3000.0))
    assert [each.validations for each in (cheap, dear, endless)] == [4, 1, 1]
    assert (cheap.iterations, dear.iterations) == (500, 500)
    assert "train_cfg = dict(max_iters=500, val_interval=500)" in dear.text()
    assert "train_cfg = dict(max_iters=500, val_interval=125)" in cheap.text()
