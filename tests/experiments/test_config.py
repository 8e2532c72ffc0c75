"""Configs are found, merged and refused in words, with file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segloop.experiments.config import find_checkpoint, find_config, load_config, save_config
from segloop.experiments.strict import check_config
from segloop.utils.checkpoint_files import last_checkpoint
from segloop.utils.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path
    for path in (REPOSITORY / "configs").rglob("*.py")
    if "_base_" not in path.relative_to(REPOSITORY).parts
)


def test_knows_how_many_configs_there_are() -> None:
    """Raise the number with each config that is added: a config that is not loaded here is not tested."""
    assert len(CONFIGS) == 13


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_and_builds_its_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGLOOP_DATA", raising=False)
    config = load_config(path)
    assert config.work_dir == f"work_dirs/{path.stem}"
    from mmengine.registry import MODELS, init_default_scope

    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    assert sum(value.numel() for value in model.parameters()) > 1e6


def test_guesses_a_misspelt_config() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean '.*config_experiment_1\.py'"):
        load_config(REPOSITORY / "configs/config_experment_1.py")


def test_lists_what_is_there_when_nothing_is_close(tmp_path: Path) -> None:
    (tmp_path / "ships.py").write_text("a = 1\n")
    with pytest.raises(ConfigError, match=r"Configs there:\n  .*ships.py"):
        load_config(tmp_path / "quite_another_name_that_nobody_has.py")


@pytest.mark.parametrize("path", ["confgs/mine.py", "mine.py"])
def test_guesses_among_configs_alone(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("configs/task/mines.py", ".venv/lib/mine_.py", "work_dirs/mines/mines.py", "tools/mine_.py"):
        Path(file).parent.mkdir(parents=True)
        Path(file).touch()
    with pytest.raises(ConfigError, match=r"Did you mean 'configs/task/mines\.py'"):
        find_config(path)


def test_names_the_line_of_a_syntax_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("a = 1\nb = dict(\n")
    with pytest.raises(ConfigError, match=r"broken\.py:2"):
        load_config(path)


@pytest.mark.parametrize("name", ["_base_/models/a.py", "task/_base_/a.py", "task/a.py"])
def test_names_the_line_of_a_syntax_error_in_a_base(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("_base_/models", "task/_base_", "task/data"):
        Path(file).mkdir(parents=True)
    Path("task/data/another.py").write_text("a = 1\nb = dict(\n")
    Path(name).write_text("a = 1\nb = dict(\n")
    Path("task/leaf.py").write_text(f"_base_ = ['../{name}']\n")
    with pytest.raises(ConfigError, match=rf"^{name}:2: "):
        load_config("task/leaf.py")


def test_names_the_line_of_an_error_in_a_base(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("a = 1\nb = a / 0\n")
    (tmp_path / "leaf.py").write_text("_base_ = ['./base.py']\n")
    with pytest.raises(ConfigError, match=r"base\.py:2: ZeroDivisionError"):
        load_config(tmp_path / "leaf.py")


def test_names_a_missing_base(tmp_path: Path) -> None:
    (tmp_path / "leaf.py").write_text("_base_ = ['./nowhere.py']\n")
    with pytest.raises(ConfigError, match=r"its _base_ .*nowhere\.py does not exist"):
        load_config(tmp_path / "leaf.py")


def test_a_file_that_a_config_opens_is_none_of_its_bases(tmp_path: Path) -> None:
    (tmp_path / "leaf.py").write_text("import json\nnames = json.load(open('nowhere.json'))\n")
    with pytest.raises(ConfigError, match=r"leaf\.py:2: FileNotFoundError: .*nowhere\.json"):
        load_config(tmp_path / "leaf.py")


def test_a_variable_that_is_not_replaced_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUTS", "there")
    path = tmp_path / "leaf.py"
    path.write_text("work_dir = '{{$OUTPUTS:here}}/x'\n")
    assert load_config(path).work_dir == "there/x"
    with pytest.raises(ConfigError, match=r"\{\{\$OUTPUTS\}\} is not replaced .*\{\{\$NAME:default\}\}"):
        load_config(path, overrides=["a.b=[{{$OUTPUTS}}/y]"])
    path.write_text("work_dir = '{{$OUTPUTS}}/x'\n")
    with pytest.raises(ConfigError, match=r"leaf\.py: \{\{\$OUTPUTS\}\} is not replaced"):
        load_config(path)


def test_overrides_as_openmmlab_does(tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text("a = dict(b=1, c=[dict(d=1), dict(d=2)])\nname = 'x'\n")
    config = load_config(path, overrides=["a.b=1e-4", "a.c.1.d=7", "e=[1,(2,3)]", "name=None", "f=true"])
    assert config.a.b == 1e-4
    assert [item.d for item in config.a.c] == [1, 7]
    assert list(config.e) == [1, (2, 3)]
    assert config.name is None
    assert config.f is True


@pytest.mark.parametrize(
    ("override", "message"),
    [("a.b", "takes KEY=VALUE"), ("a.c.9.d=1", "does not fit the config"), ("=3", "takes KEY=VALUE")],
)
def test_refuses_an_override_in_words(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "plain.py"
    path.write_text("a = dict(b=1, c=[dict(d=1)])\n")
    with pytest.raises(ConfigError, match=message):
        load_config(path, overrides=[override])


def test_one_key_moves_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    override = ["data_root=/somewhere/versions/1"]
    path = "configs/config_experiment_2.py"
    former = load_config(path)
    config = load_config(path, overrides=override)
    for name in ("train", "val", "test"):
        assert config[f"{name}_dataloader"].dataset.data_root == "/somewhere/versions/1"
    assert config.demo.root == former.demo.root  # what was named by hand is not drawn
    check_config(config, path=path, overrides=override)
    assert "no effect" not in capsys.readouterr().err


def test_only_the_former_root_moves(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "data_root = 'data/x'\nfiles = dict(a=data_root + '/a.json', b=['data/xy', ('data/x',)])\n", "utf-8"
    )
    config = load_config(tmp_path / "a.py", overrides=["data_root=v/1/"])
    assert (config.files.a, list(config.files.b)) == ("v/1/a.json", ["data/xy", ("v/1",)])


def test_one_key_sets_the_length_of_a_run() -> None:
    config = load_config(CONFIGS[0], overrides=["train_cfg.max_iters=50"])
    assert [(item.type, item.end) for item in config.param_scheduler] == [("LinearLR", 50)]
    config = load_config(CONFIGS[0], overrides=["train_cfg.max_iters=777"])
    assert config.param_scheduler[-1].end == 777


def test_a_single_scheduler_ends_with_the_run_too(tmp_path: Path) -> None:
    path = tmp_path / "leaf.py"
    for written in ("poly", "(poly,)"):
        path.write_text(
            "train_cfg = dict(max_iters=50)\npoly = dict(type='PolyLR', by_epoch=False)\n"
            f"param_scheduler = {written}\n"
        )
        assert [item.end for item in load_config(path).param_scheduler] == [50]
    path.write_text(path.read_text() + "param_scheduler = dict(body=poly, head=[poly, poly])\n")
    found = load_config(path).param_scheduler
    assert [item.end for item in [*found.body, *found.head]] == [50, 50, 50]


@pytest.mark.parametrize(
    "override", ["train_cfg.max_iters=many", "param_scheduler.0.end=last", "train_cfg=5"]
)
def test_leaves_a_schedule_of_the_wrong_kind_to_the_strict_check(override: str) -> None:
    path = REPOSITORY / "configs/config_experiment_1.py"
    config = load_config(path, overrides=[override])
    with pytest.raises(ConfigError, match=override.partition("=")[0].split(".")[0]):
        check_config(config, path=path, overrides=[override])


def test_saves_what_it_loads_again(tmp_path: Path) -> None:
    config = load_config(CONFIGS[0])
    save_config(config, tmp_path / "flat.py")
    assert load_config(tmp_path / "flat.py").model == config.model
    with pytest.raises(ConfigError, match=r"saved as \.py"):
        save_config(config, tmp_path / "flat.txt")
    flat = load_config(tmp_path / "flat.py")
    with pytest.raises(ConfigError, match="is the config itself"):
        save_config(flat, tmp_path / "flat.py")


def test_finds_the_checkpoint_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Train first"):
        find_checkpoint(None, work_dir=tmp_path)
    for name in ("iter_2.pth", "best_mDice_fg_iter_1.pth"):
        (tmp_path / name).touch()
    (tmp_path / "last_checkpoint").write_text("/elsewhere/iter_2.pth")  # the folder has moved since
    assert find_checkpoint(None, work_dir=tmp_path).name == "best_mDice_fg_iter_1.pth"
    assert find_checkpoint("best", work_dir=tmp_path).name == "best_mDice_fg_iter_1.pth"
    assert find_checkpoint("last", work_dir=tmp_path).name == "iter_2.pth"
    assert last_checkpoint(tmp_path) == tmp_path / "iter_2.pth"
    with pytest.raises(ConfigError, match=r"iter_2\.pth"):
        find_checkpoint(tmp_path / "iter_3.pth", work_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"There are:(.|\n)*iter_2\.pth"):
        find_checkpoint("iter_2.pth", work_dir=tmp_path)


def test_what_an_earlier_training_left_is_not_meant(tmp_path: Path) -> None:
    for name in ("iter_900.pth", "best_mDice_fg_iter_900.pth"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000, 1000))
    (tmp_path / "train.json").write_text('{"started": "1970-01-01T00:30:00Z"}')
    with pytest.raises(ConfigError, match=r"Train first.*\n.*earlier training.*\n.*best_mDice_fg_iter_900"):
        find_checkpoint(None, work_dir=tmp_path)
    (tmp_path / "iter_2.pth").touch()
    assert find_checkpoint(None, work_dir=tmp_path).name == "iter_2.pth"
    (tmp_path / "best_mDice_fg_iter_1.pth").touch()
    assert find_checkpoint(None, work_dir=tmp_path).name == "best_mDice_fg_iter_1.pth"
    goes_on = '{"started": "1970-01-01T00:30:00Z", "earlier": [{"started": "1970-01-01T00:10:00Z"}]}'
    (tmp_path / "train.json").write_text(goes_on)
    (tmp_path / "best_mDice_fg_iter_1.pth").unlink()
    assert find_checkpoint(None, work_dir=tmp_path).name == "best_mDice_fg_iter_900.pth"
    told = '{"started": "1970-01-01T00:30:00Z", "best_checkpoint": "best_mDice_fg_iter_900.pth"}'
    (tmp_path / "train.json").write_text(told)  # it went on from the former training
    assert find_checkpoint(None, work_dir=tmp_path).name == "best_mDice_fg_iter_900.pth"


def test_a_folder_of_several_configs_names_its_own(tmp_path: Path) -> None:
    for name in ("run/a.py", "run/b.py", "other/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"run is a folder") as caught:
        find_config(tmp_path / "run")
    assert [name in str(caught.value) for name in ("a.py", "b.py", "c.py")] == [True, True, False]
