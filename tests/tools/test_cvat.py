"""The tool plays the loop from end to end with the stand-in, and no secret of a user's is left anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segloop.utils.cli import run
from segloop.utils.locks import alone_in
from tests.cvat.standin.server import StandIn, running
from tools.cvat import main

Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def tool(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tool:
    """Return what runs the tool in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cvat_sdk.core.client.sleep", lambda _: None)
    monkeypatch.setattr("segloop.cvat.credentials.HABIT", tmp_path / "none.env")
    for name, value in {"HOST": stand_in.url, "USERNAME": "anna", "PASSWORD": "secret"}.items():
        monkeypatch.setenv(f"CVAT_{name}", value)

    def run_tool(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cvat.py", *words])
        with pytest.raises(SystemExit) as end:
            run(main)
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run_tool


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a small semantic set in mmseg's layout."""
    root = tmp_path / "ponds"
    for folder in ("img_dir/test/a", "img_dir/test/b", "ann_dir/test/a", "ann_dir/test/b"):
        (root / folder).mkdir(parents=True)
    for name in ("a/1", "b/1"):
        mask = np.zeros((20, 30), np.uint8)
        mask[2:9, 3:12] = 1
        cv2.imwrite(str(root / f"img_dir/test/{name}.png"), np.full((20, 30, 3), 90, np.uint8))
        cv2.imwrite(str(root / f"ann_dir/test/{name}.png"), mask)
    return root


def test_two_pushes_at_once_make_no_second_project(tool: Tool, stand_in: StandIn, data: Path) -> None:
    push = ("push", str(data), "--from", "mmseg", "--labels", "land", "pond", "--loop", "loop")
    with alone_in(Path("loop"), ""):
        code, _, err = tool(*push)
    assert code == 2
    assert "Another push into loop is at work." in err
    assert not stand_in.state.projects
    assert not Path("loop").exists()
    assert tool(*push)[0] == 0
    assert tool(*push[:-1], "other", "--images", "none.txt")[0] == 2
    assert not Path("other").exists()


def test_the_loop_from_end_to_end(tool: Tool, stand_in: StandIn, data: Path, tmp_path: Path) -> None:
    (tmp_path / "worst.txt").write_text("b/1\n", encoding="utf-8")
    push = ("push", str(data), "--from", "mmseg", "--labels", "land", "pond", "--images", "worst.txt")
    code, out, _ = tool(*push, "--loop", "loop")
    assert code == 0
    assert "compared pixel for pixel" in out
    (task,) = stand_in.state.tasks.values()
    assert [frame.name for frame in task.frames] == ["test/b/1.png"]
    assert "job" in tool("status", "loop")[1]
    assert tool("pull", "loop")[0] == 2  # no job is finished
    task.jobs[0].state = "completed"
    code, out, err = tool("pull", "loop")
    assert (code, err) == (0, "")
    (back,) = (tmp_path / "loop/pulled/truth/mmseg/ann_dir").rglob("1.png")
    assert np.array_equal(np.array(Image.open(back)), np.array(Image.open(data / "ann_dir/test/b/1.png")))
    assert (tmp_path / "loop/pulled/truth/coco").exists()
    for file in (tmp_path / "loop").rglob("*"):
        assert not file.is_file() or b"secret" not in file.read_bytes()


def test_mistakes_cost_one_message(tool: Tool, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Did you mean 'push'" in tool("pusch")[2]
    assert "polygons:TOL" in tool("push", str(data), "--as", "dots")[2]
    assert "manifest.json" in tool("status", str(data))[2]
    monkeypatch.setenv("CVAT_PASSWORD", "wrong")
    code, _, err = tool("push", str(data), "--from", "mmseg", "--labels", "land", "pond")
    assert (code, err.count("\n")) == (2, 1)
    assert "does not know this user" in err


def test_a_format_that_is_only_read_is_refused_before_anything_is_asked(
    tool: Tool, stand_in: StandIn, data: Path
) -> None:
    assert tool("push", str(data), "--from", "mmseg", "--labels", "land", "pond", "--loop", "loop")[0] == 0
    calls = len(stand_in.calls)
    for form, told in (("yolo", "yolo: it is not written"), ("koko", "no format 'koko'")):
        code, _, err = tool("pull", "loop", "--all", "--to", "coco", form)
        assert (code, told in err) == (2, True)
    assert len(stand_in.calls) == calls


def test_a_folder_that_is_there_is_told_before_anything_is_asked(
    tool: Tool, stand_in: StandIn, data: Path
) -> None:
    push = ("push", str(data), "--from", "mmseg", "--labels", "land", "pond")
    assert tool(*push, "--loop", "loop")[0] == 0
    calls = len(stand_in.calls)
    for words, flag in (
        (("pull", "loop", "--all", "--out", str(data)), "--out"),
        ((*push, "--to-files", str(data)), "--to-files"),
    ):
        code, out, err = tool(*words)
        assert (code, out) == (2, "")
        assert err == f"error: {data} exists already; {flag} names another folder.\n"
    assert len(stand_in.calls) == calls


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--score-thr", "0.3"), "--score-thr needs --run"),
        (("--run", "RUN", "--score-thr", "30"), "--score-thr 30: a score is a number from 0 to 1"),
        (("--job-size", "-5"), "--job-size -5: it must be at least 0"),
        (
            ("--to-files", "x", "--job-size", "2", "--replace"),
            "--job-size, --replace would do nothing beside",
        ),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    tool: Tool, data: Path, words: tuple[str, ...], told: str
) -> None:
    code, _, err = tool("push", str(data), *words)
    assert (code, told in err) == (2, True)


def test_no_job_is_blamed_where_all_images_are_gone(tool: Tool, stand_in: StandIn, data: Path) -> None:
    assert tool("push", str(data), "--from", "mmseg", "--labels", "land", "pond", "--loop", "loop")[0] == 0
    assert "--all takes what there is" in tool("pull", "loop")[2]
    (task,) = stand_in.state.tasks.values()
    task.deleted_frames = [0, 1]
    code, out, err = tool("pull", "loop", "--all")
    assert (code, err) == (2, "error: No image came back, so nothing was written.\n")
    assert "2 image(s) were deleted in CVAT" in out


def test_secrets_of_one_server_do_not_go_to_the_one_of_a_loop(
    tool: Tool, stand_in: StandIn, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = ("push", str(data), "--from", "mmseg", "--labels", "land", "pond")
    assert tool(*push, "--loop", "loop")[0] == 0
    calls = len(stand_in.calls)
    monkeypatch.setenv("CVAT_HOST", "https://cvat.example.org")
    for command in ("status", "pull"):
        code, _, err = tool(command, "loop")
        assert (code, f"belongs to {stand_in.url}, not to https://cvat.example.org" in err) == (2, True)
    assert len(stand_in.calls) == calls
    assert tool("status", "loop", "--host", stand_in.url)[0] == 0
    monkeypatch.delenv("CVAT_HOST")
    assert tool("status", "loop")[0] == 0
    assert tool(*push, "--loop", "loop")[0] == 0
    assert "No server was named" in tool(*push, "--loop", "another")[2]


def test_a_loop_by_hand_has_no_server_to_ask(tool: Tool, data: Path) -> None:
    push = ("push", str(data), "--from", "mmseg", "--labels", "land", "pond")
    assert tool(*push, "--to-files", "loop")[0] == 0
    for command in ("status", "pull"):
        code, _, err = tool(command, "loop")
        assert (code, "pull loop --from-files" in err) == (2, True)
