"""Flags of the CVAT tool mean what they say; the commands are played in tests/tools/test_cvat.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segloop.cvat.commands import chosen, masks_option, push
from segloop.utils.errors import UserError


def test_forms_of_masks() -> None:
    assert [masks_option(text) for text in ("masks", "polygons:0", "polygons:1.5")] == [
        "rle",
        "polygon:0",
        "polygon:1.5",
    ]
    for text in ("polygons", "polygons:-1", "polygons:x", "masks:1", "boxes:1"):
        with pytest.raises(UserError, match="polygons:TOL"):
            masks_option(text)


def test_a_list_or_all(tmp_path: Path) -> None:
    (tmp_path / "worst.txt").write_text("# worst first\nb/1\na\n", encoding="utf-8")
    assert (chosen("all"), chosen(str(tmp_path / "worst.txt"))) == (None, ["b/1", "a"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only-predictions",), "--only-predictions needs --run"),
        (("--score-thr", "0.3"), "--score-thr needs --run"),
        (("--run", "x", "--score-thr", "50"), "--score-thr 50: scores are from 0 to 1"),
        (("--job-size", "-1"), "--job-size -1: a job holds at least one image"),
        (("--to-files", "d", "--replace"), "--replace does nothing with --to-files"),
        (("--to-files", "d", "--job-size", "5"), "--job-size does nothing with --to-files"),
        (("--to-files", "d", "--host", "http://x"), "--host does nothing with --to-files"),
        (("--to-files", "d", "--loop", "l"), "--loop does nothing with --to-files"),
    ],
)
def test_flags_of_a_push_that_do_nothing_are_refused(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formats: Any = None
    predicted: Any = None
    with pytest.raises(SystemExit) as left:
        push(["nowhere", *words], "Push.", formats, predicted)
    assert left.value.code == 2
    assert told in capsys.readouterr().err
