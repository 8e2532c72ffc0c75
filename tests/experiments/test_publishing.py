"""A published model is weights, a config and a card, and it is the model that was tested."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from segloop.analysis.thresholds import ComponentRule, Thresholds, read_thresholds, write_thresholds
from segloop.experiments.checkpoints import read_checkpoint, read_weights
from segloop.experiments.launch import Options, evaluate
from segloop.experiments.publishing import publish
from segloop.utils.errors import ConfigError, UserError


@pytest.fixture
def work(tiny_trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the trained experiment's work_dir."""
    return Path(shutil.copytree(tiny_trained[1], tmp_path / "shore"))


def test_what_is_published_scores_what_was_tested(
    tiny_trained: tuple[Path, Path], work: Path, tmp_path: Path
) -> None:
    config, _ = tiny_trained
    options = Options(config=str(config), work_dir=str(work))
    scores, _ = evaluate(options)
    path = publish(work)
    assert path.parent == work / "published"
    assert path.name.startswith("shore_best_mDice_fg_iter_2-")
    assert path.stem.endswith(hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    assert {item.name for item in path.parent.iterdir()} == {path.name, "config.py", "README.md"}
    again, _ = evaluate(options, checkpoint=str(path))
    assert again == scores
    published = Options(config=str(path.parent / "config.py"), work_dir=str(tmp_path / "other"))
    assert evaluate(published, checkpoint=str(path))[0] == scores
    assert not any(
        line.startswith("work_dir") for line in (path.parent / "config.py").read_text().splitlines()
    )
    card = (path.parent / "README.md").read_text()
    assert f"| mDice | {scores['mDice'] / 100:.4f} |" in card
    assert "tools/test.py config.py " + path.name in card


def test_holds_every_weight_the_classes_and_nothing_of_the_training(work: Path) -> None:
    path = publish(work / "iter_2.pth")
    given, kept = read_weights(work / "iter_2.pth"), read_weights(path)
    assert set(given) == set(kept)
    assert all(torch.equal(value, kept[name]) for name, value in given.items())
    content = read_checkpoint(path)
    assert set(content) == {"meta", "state_dict"}
    assert json.loads(content["meta"]["classes"])[1] == "starfish"
    assert content["meta"]["background"] == "0"
    versions = torch.load(work / "iter_2.pth", weights_only=True)["state_dict"]._metadata
    assert content["state_dict"]._metadata == {k: v for k, v in versions.items() if v["version"] == 2}
    first = path.read_bytes()
    assert publish(work / "iter_2.pth", force=True).read_bytes() == first


def test_of_two_configs_in_a_folder_the_trainings_own_is_published(work: Path) -> None:
    (work / "a_former.py").write_text("model = dict(type='Another')\n")
    path = publish(work / "iter_2.pth")
    assert "SegLoopEncoderDecoder" in (path.parent / "config.py").read_text()


def test_thresholds_go_with_the_checkpoint_that_they_were_tuned_on(work: Path) -> None:
    rules = {"starfish": ComponentRule(0.4, 3, 8, 0.7)}
    write_thresholds(work, Thresholds(rules, {"checkpoint": "iter_2.pth"}))
    folder = publish(work / "iter_2.pth").parent
    assert read_thresholds(folder).classes == rules
    assert [read_thresholds(folder).doubt(file.name) for file in folder.glob("*.safetensors")] == [""]
    with pytest.raises(UserError, match=r"README.md and config.py and thresholds.json already"):
        publish(work / "iter_2.pth")
    write_thresholds(work, Thresholds(rules, {"checkpoint": "iter_1.pth"}))
    publish(work / "iter_2.pth", force=True)
    assert not (folder / "thresholds.json").exists()


def test_openmmlabs_way_to_name_the_file(work: Path, tmp_path: Path) -> None:
    path = publish(work / "iter_2.pth", out=tmp_path / "out/net.pth")
    assert path.name.startswith("net-")
    assert path.suffix == ".pth"
    assert set(torch.load(path, weights_only=True)) == {"meta", "state_dict"}


def test_a_card_that_somebody_completed_is_kept(work: Path) -> None:
    path = publish(work)
    (path.parent / "README.md").write_text("license: mine")
    with pytest.raises(UserError, match=r"README\.md and config\.py already; --force"):
        publish(work)
    assert (path.parent / "README.md").read_text() == "license: mine"


def test_can_report_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no work_dir"):
        publish("configs/none.py")
    torch.save({"epoch": 1}, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match="holds no weights"):
        publish(tmp_path / "a.pth", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    torch.save({"weight": torch.zeros(1)}, tmp_path / "b.pth")
    with pytest.raises(UserError, match=r"a\.pth/inside cannot be written: Not a directory"):
        publish(tmp_path / "b.pth", out=tmp_path / "a.pth/inside")
