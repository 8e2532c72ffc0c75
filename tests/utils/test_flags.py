"""The shared flags, in the orders that OpenMMLab's users type them."""

from __future__ import annotations

from argparse import Namespace

import pytest

from segloop.utils.cli import Parser
from segloop.utils.errors import UserError
from segloop.utils.flags import (
    add_common,
    add_group,
    add_predicting,
    check_data_root,
    check_numbers,
    group_of,
    predict_settings,
    take_back_config,
    without_resume,
)


def parse(*words: str):
    """Parse as the training tool does."""
    parser = Parser("Train.")
    parser.add_argument("config", nargs="?")
    parser.add_argument("--resume", nargs="?", const="auto")
    add_common(parser)
    args = parser.parse_args(list(words))
    take_back_config(parser, args, "resume", empty="auto")
    return args


@pytest.mark.parametrize(
    ("words", "resume"),
    [
        (("a.py",), None),
        (("a.py", "--resume"), "auto"),
        (("--resume", "a.py"), "auto"),
        (("--resume", "x.pth", "a.py"), "x.pth"),
        (("a.py", "--resume", "x.pth"), "x.pth"),
    ],
)
def test_resume_with_and_without_a_path_also_before_the_config(
    words: tuple[str, ...], resume: str | None
) -> None:
    args = parse(*words)
    assert (args.config, args.resume) == ("a.py", resume)


def test_options_may_be_given_twice_and_before_the_config() -> None:
    assert parse("a.py", "--cfg-options", "x=1", "--cfg-options", "y=2", "z=3").cfg_options == [
        "x=1",
        "y=2",
        "z=3",
    ]
    args = parse("--cfg-options", "x=1", "a.py")
    assert (args.config, args.cfg_options) == ("a.py", ["x=1"])


def test_both_spellings_of_local_rank() -> None:
    assert parse("a.py", "--local_rank", "1").local_rank == parse("a.py", "--local-rank", "1").local_rank == 1


def test_asks_for_a_config(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse("--resume")
    assert "name a config" in capsys.readouterr().err


def test_files_are_not_trusted_unless_asked_for() -> None:
    assert parse("a.py").unsafe_load is False
    assert parse("a.py", "--unsafe-load").unsafe_load is True


@pytest.mark.parametrize(
    "words",
    [["a.py", "--resume"], ["--resume", "x.pth", "a.py"], ["--resume=x", "a.py"], ["--resume", "a.py"]],
)
def test_without_resume_leaves_the_rest_of_a_command(words: list[str]) -> None:
    assert without_resume(words) == ["a.py"]


def test_numbers_and_folders_of_the_tools_that_read_results_are_checked(tmp_path):
    given = Namespace(topk=0, seed=None, data_root=None)
    check_numbers(given, topk=0, seed=0)
    check_data_root(given)
    check_data_root(Namespace(data_root=tmp_path))
    with pytest.raises(UserError, match="--topk 0: it must be at least 1"):
        check_numbers(given, topk=1)
    with pytest.raises(UserError, match=r"--data-root .*none: there is no such folder"):
        check_data_root(Namespace(data_root=tmp_path / "none"))


def test_a_refused_flag_is_told_as_it_is_typed():
    with pytest.raises(UserError, match="--batch-size 0: it must be at least 1"):
        check_numbers(Namespace(batch_size=0), batch_size=1)


def grouped(*words: str):
    """Parse --group as the tools do."""
    parser = Parser("Compare.")
    add_group(parser)
    return group_of(parser.parse_args(list(words)))


def test_a_group_is_said_as_a_config_says_it() -> None:
    assert grouped() is None
    assert grouped("--group", "folder=2") == {"folder": 2}
    assert grouped("--group", "regex=(a=b)_") == {"regex": "(a=b)_"}
    assert grouped("--group", "table=a.csv", "column=scene") == {"table": "a.csv", "column": "scene"}


@pytest.mark.parametrize("word", ["scene", "regex=", "folder=one", "folders=1", "table"])
def test_a_group_that_says_nothing_is_told(word: str) -> None:
    with pytest.raises(UserError, match=f"^--group {word}: "):
        grouped("--group", word)


def test_a_share_of_windows_needs_windows() -> None:
    parser = Parser("Predict.")
    add_predicting(parser)
    assert "overlap" not in predict_settings(parser.parse_args(["--window", "64"]))
    assert predict_settings(parser.parse_args(["--window", "64", "--overlap", "0.5"]))["overlap"] == 0.5
    with pytest.raises(UserError, match="--overlap goes with --window"):
        predict_settings(parser.parse_args(["--overlap", "0.5"]))
