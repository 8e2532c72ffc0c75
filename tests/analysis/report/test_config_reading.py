"""Configs are read without being run, and a reason never outlives the value that it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.flat_config import no_value, read_flat_config
from segloop.analysis.report.config_reading import (
    ON_THE_COMMAND_LINE,
    read_reasons,
    value_at,
)
from segloop.utils.errors import FormatError
from tests.analysis.report.made import BASE, CHILD


def reasons(folder: Path, child: str = CHILD, overrides: tuple[str, ...] = ()) -> dict[str, str]:
    (folder / "base.py").write_text(BASE)
    (folder / "child.py").write_text(child)
    found = read_reasons(folder / "child.py", overrides=overrides)
    return {key: reason.text for key, reason in found.items()}


def test_a_flat_config_is_data(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        "a = dict(b=[1, dict(c=(2, 'x'))], d={'e': -1e-3})\nopen('hurt', 'w')\nf = open('hurt', 'w')\n"
    )
    config = read_flat_config(file, code=no_value)
    assert config == {"a": {"b": [1, {"c": (2, "x")}], "d": {"e": -1e-3}}, "f": None}
    assert value_at(config, ("a", "b", 1, "c", 0)) == 2
    assert value_at(config, ("a", "b", 2)) is None
    assert not Path("hurt").exists()


def test_comments_behind_and_above_are_reasons(tmp_path: Path) -> None:
    found = reasons(tmp_path, "_base_ = './base.py'\n")
    assert found["model.backbone.channels"] == "more learns no faster"
    assert found["model.decode_head.loss_decode.1"] == "sees what is rare"
    assert found["train_cfg.max_iters"] == "nine minutes"
    assert found["optim_wrapper"] == "a step that suits short runs"
    assert not any("stands here" in text for text in found.values()), "the head of a file is no reason"


def test_a_child_that_changes_a_value_drops_its_reason(tmp_path: Path) -> None:
    child = "_base_ = ['./base.py']\nmodel = dict(backbone=dict(channels=(8, 16)))\n"
    assert "model.backbone.channels" not in reasons(tmp_path, child)
    child = child.replace("(8, 16)))", "(8, 16)))  # smaller")
    assert reasons(tmp_path, child)["model.backbone.channels"] == "smaller"


def test_what_replaces_a_whole_drops_what_was_in_it(tmp_path: Path) -> None:
    child = "_base_ = ['./base.py']\nmodel = dict(decode_head=dict(loss_decode=[dict(type='A')]))\n"
    assert "model.decode_head.loss_decode.1" not in reasons(tmp_path, child)
    child = "_base_ = ['./base.py']\nmodel = dict(_delete_=True, type='Other')\n"
    assert "model.backbone.channels" not in reasons(tmp_path, child)


def test_the_command_line_has_the_last_word(tmp_path: Path) -> None:
    found = reasons(tmp_path, overrides=("model.backbone.channels=[1,2]",))
    assert found["model.backbone.channels"] == ON_THE_COMMAND_LINE


def test_a_reason_holds_for_its_value_only(tmp_path: Path) -> None:
    reasons(tmp_path)
    found = read_reasons(tmp_path / "child.py")
    assert found["model.backbone.channels"].holds_for([16, 32])
    assert not found["model.backbone.channels"].holds_for((16, 64))
    assert found["model.decode_head.loss_decode.1"].holds_for({}), "of a whole, nobody can tell"


def test_bases_that_go_in_circles_or_are_gone_end(tmp_path: Path) -> None:
    assert "model.backbone.channels" in reasons(
        tmp_path, "_base_ = ['./base.py', './gone.py', './child.py']\n"
    )


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = (")
    with pytest.raises(FormatError, match="cannot be read as a config"):
        read_flat_config(tmp_path / "a.py")
