"""Tools that only read open any format, and say what is wrong with how they were asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.opening import open_dataset, open_source, source_parser
from segloop.utils.errors import UserError

CSV = "ImageId,EncodedPixels\na.jpg,1 3\nb.jpg,\n"


def opened(*words: str):
    """Open what a command line names."""
    return open_source(source_parser("Look at labels.").parse_args(words))


def test_the_format_is_told_by_its_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ships.csv").write_text(CSV)
    images, name = opened(str(tmp_path / "ships.csv"))
    assert name == "airbus"
    assert [record.image_id for record in images] == ["a", "b"]
    assert "is read as airbus" in capsys.readouterr().out


def test_a_place_is_enough(tmp_path: Path) -> None:
    (tmp_path / "ships.csv").write_text(CSV)
    assert [record.image_id for record in open_dataset(tmp_path / "ships.csv")] == ["a", "b"]
    with pytest.raises(UserError, match="does not exist"):
        open_dataset(tmp_path / "nothing")


def test_the_format_and_how_to_read_it_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "ships.csv").write_text(CSV)
    images, _ = opened(str(tmp_path / "ships.csv"), "--from", "airbus", "--size", "30x40", "--split", "val")
    record = next(iter(images))
    assert (record.size_hw, record.split) == ((30, 40), "val")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("ships.csv", "--from", "airbuss"), "Did you mean 'airbus'"),
        (("ships.csv", "--from", "airbus", "--repair"), "--repair when airbus is read"),
    ],
)
def test_what_cannot_be_opened_is_told(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ships.csv").write_text(CSV)
    with pytest.raises(UserError, match=told):
        opened(*words)


def test_help_lists_the_formats_that_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        opened("--help")
    told = capsys.readouterr().out
    assert "cvat-mask" in told
    assert "--join-groups" in told
