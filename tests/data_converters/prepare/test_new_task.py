"""The command line of a new task."""

import sys
from pathlib import Path

import pytest

from data_converters.prepare.new_task import parse_args, prepare_source
from segloop.utils.errors import UserError


def parse(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["new_task.py", *words])
    return parse_args("Make a task.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Steel!", "src"), "no name of a task"),
        (("../x", "src"), "no name of a task"),
        (("ships", "src"), "a task of SegLoop's own"),
        (("a", "src", "--minutes", "0"), "lasts some minutes"),
        (("a", "src", "--seed", "-5"), "seeds are 0 or more"),
        (("a", "src", "--workers", "-1"), "no fewer than 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=told):
        parse(monkeypatch, *words)


def test_a_plain_command_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    args = parse(monkeypatch, "steel_2", "src")
    assert vars(args)["kind"] is None


def test_another_folder_than_that_of_the_configs_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    args = parse(monkeypatch, "steel", "nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no configs/_base_ here, which the config of a new task builds on"):
        prepare_source(args)


def test_shares_without_val_are_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    args = parse(monkeypatch, "steel", "nowhere", "--shares", "train=80", "dev=20")
    with pytest.raises(UserError, match="--shares train=80 dev=20: a training needs a val split"):
        prepare_source(args)
