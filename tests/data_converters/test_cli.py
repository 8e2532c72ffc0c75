"""The command line passes on what it was told, and ends as every tool ends."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from data_converters import cli, convert
from data_converters.base import ReadOptions, WriteOptions
from data_converters.formats import FORMATS
from data_converters.report import Report
from segloop.utils.errors import UserError
from tests.data_converters.tiny import TINY


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `convert` was called with."""
    told: dict[str, Any] = {}

    def remember(source: Path, target: Path, **options: Any) -> Report:
        told.update(source=source, target=target, **options)
        return Report(source=source, target=target, from_format="coco", to_format="cvat", written=True)

    monkeypatch.setattr(convert, "convert", remember)
    return told


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["convert.py", *words])
    return cli.main("What it does.")


def test_every_option_has_a_flag(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    flags = """SRC DST --from airbus --to cvat --strict --skip-bad --force --workers 3 --images i --split s
        --labels a b --size 5x7 --reduce-zero-label --list l --keep-crowds --join-groups --repair
        --min-area 5 --color-tolerance 6
        --semantic --mask-folder m --from-results --as polygon:2 --overlap area --instances classes
        --connectivity 4 --media none
        --draw-boxes --numbers --to-results"""
    assert run(monkeypatch, *flags.split()) == 0
    read = ReadOptions(
        images=Path("i"),
        split="s",
        labels=("a", "b"),
        size_hw=(5, 7),
        reduce_zero_label=True,
        list_file=Path("l"),
        keep_crowds=True,
        join_groups=True,
        repair=True,
        min_area=5,
        color_tolerance=6,
        results=True,
        mask_folder="m",
        semantic=True,
    )
    write = WriteOptions(
        masks="polygon:2",
        overlap="area",
        instances="classes",
        connectivity=4,
        media="none",
        draw=True,
        numbers=True,
        results=True,
    )
    for options, plain in ((read, ReadOptions()), (write, WriteOptions())):
        same = [
            each.name for each in fields(plain) if getattr(options, each.name) == getattr(plain, each.name)
        ]
        assert set(same) <= {"progress"}, "an option without a flag"  # that one is no choice of a user
    assert (given["read_options"], given["write_options"]) == (read, write)
    assert (given["source"], given["target"]) == (Path("SRC"), Path("DST"))
    assert (given["from_format"], given["to_format"], given["workers"]) == ("airbus", "cvat", 3)
    assert [given[name] for name in ("strict", "skip_bad", "force")] == [True, True, True]


def test_defaults_are_those_of_the_formats(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "SRC", "DST", "--from", "coco", "--to", "cvat")
    assert (given["read_options"], given["write_options"]) == (ReadOptions(), WriteOptions())


def test_a_format_is_found_by_its_signs(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("ImageId,EncodedPixels\n")
    run(monkeypatch, str(tmp_path / "a.csv"), "DST", "--to", "coco")
    assert given["from_format"] == "airbus"
    assert "is read as airbus: it has the columns imageid and encodedpixels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "coc"], "Did you mean 'coco'"),
        (["--to", "coco", "--from", "arbus"], "Did you mean 'airbus'"),
        (["--to", "coco", "--from", "coco", "--workers", "-1"], "no fewer than 0"),
    ],
)
def test_mistakes_are_told(monkeypatch: pytest.MonkeyPatch, words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        run(monkeypatch, "SRC", "DST", *words)


@pytest.mark.parametrize("size", ["5", "0x4", "axb", "5x-1"])
def test_a_size_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "SRC", "DST", "--to", "coco", "--size", size)
    assert "is no HEIGHTxWIDTH" in capsys.readouterr().err


def test_the_table_is_printed_and_losses_end_a_strict_run_with_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(FORMATS, "tiny", TINY)
    (tmp_path / "in").write_text(json.dumps({"id": "a", "objects": [{"columns": [0, 2], "score": 1}]}))
    words = [str(tmp_path / "in"), str(tmp_path / "out"), "--from", "tiny", "--to", "tiny", "--workers", "0"]
    assert run(monkeypatch, *words, "--strict") == 1
    assert not (tmp_path / "out").exists()
    assert "nothing was written" in capsys.readouterr().out
    assert run(monkeypatch, *words) == 0
    assert (tmp_path / "out" / "lines").read_text() == "a [8]\n"
    assert "objects                 1              1" in capsys.readouterr().out


def test_the_package_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "data_converters", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for name, each in FORMATS.items():
        assert f"{name:<11}" in done.stdout
        assert each.summary in done.stdout


def test_names_that_are_given_twice_add_up() -> None:
    words = ["a", "b", "--from", "coco", "--to", "mmseg", "--labels", "sea", "--labels", "ship", "buoy"]
    assert cli.make_parser("Convert.").parse_args(words).labels == ["sea", "ship", "buoy"]
