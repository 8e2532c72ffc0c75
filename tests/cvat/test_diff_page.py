"""The page of a comparison shows what changed, draws only what it shows, and escapes names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from segloop.cvat import diff_page
from segloop.cvat.diff import diff
from segloop.cvat.origins import Origin, Origins
from segloop.data.annotations import Tag
from tests.cvat.labels_made import before, compared
from tests.cvat.sets import set_of


def test_the_page_tells_all(tmp_path: Path) -> None:
    who = {"test/x/1": Origin(task="<b>&", assignee="anna", looked=True)}
    text = diff_page.diff_page(compared(tmp_path, who))
    for words in ("looked at, no change", "not there", "anna", "&lt;b&gt;&amp;", "1 moved", "Who did what"):
        assert words in text
    assert text.count("<figure") == 1
    assert "http" not in text.replace("http-equiv", "")


def test_only_shown_pictures_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = diff_page.draw_change

    def count(*args: object) -> object:
        drawn.append("")
        return draw(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(diff_page, "draw_change", count)
    assert "<figure" not in diff_page.diff_page(compared(tmp_path), pictures=0)
    assert not drawn


def test_a_picture_shows_before_after_and_change(tmp_path: Path) -> None:
    found = compared(tmp_path)
    image = diff_page.draw_change(found, found.changed[0])
    assert image is not None
    assert image.shape == (48, 3 * 64 + 2 * diff_page.GAP, 3)
    last = image[:, 2 * (64 + diff_page.GAP) :]
    assert (last[41, 3] == diff_page.ADDED_COLOR).all()
    assert (last[3, 45] == diff_page.GONE_COLOR).all()
    assert (last[3, 3] == diff_page.OTHER_COLOR).all()


def test_a_version_is_called_by_its_number(tmp_path: Path) -> None:
    found = replace(compared(tmp_path), old_name="data/ships", new_name="data/ships/versions/2")
    assert "<h1>ships, version 2 against ships</h1>" in diff_page.diff_page(found, pictures=0)


def test_nothing_changed_is_said(tmp_path: Path) -> None:
    old = before(tmp_path)
    text = diff_page.diff_page(diff(old, old))
    assert "No pixel of a compared image has another class." in text
    assert "There is nothing to show." in text


def test_an_image_with_other_tags_alone_says_so(tmp_path: Path) -> None:
    first, *_ = old = before(tmp_path)
    new = set_of([replace(first, tags=(Tag("cat"),))], old.labels)
    touched = Origins(images={"test/x/1": Origin(looked=True, changed=True)})
    text = diff_page.diff_page(diff(old, new, origins=touched))
    assert "0 pixels · other tags" in text
