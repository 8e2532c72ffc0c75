"""The page shows each kind of finding with pictures, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segloop.data.inspection import Finding, Verdict, inspect_set
from segloop.viz.check_page import check_page
from tests.data.inspection.sets import in_memory, mapped, scene, write


def test_findings_are_shown_with_pictures(tmp_path: Path) -> None:
    picture, mask = scene(0)
    odd = mask.copy()
    odd[3:5, 3:5] = 1
    records = [
        mapped("a", write(tmp_path, "a", picture), odd, split="train"),
        mapped("b", write(tmp_path, "b", picture), odd, split="val"),
        mapped("<c>", tmp_path / "gone.png", mask, split="val"),
    ]
    images = in_memory(records)
    verdict = inspect_set(images, source="data/sea", form="mmseg", workers=0)
    page = check_page(verdict, images)
    assert "Check of sea" in page
    assert page.count("<figure") == 3  # a leak, and a speck in each of two images
    assert 'href="#leak"' in page
    assert 'id="leak"' in page
    assert "&lt;c&gt;" in page
    assert "<c>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    findings = tuple(Finding(kind="labels", text="bad", image_id=str(n)) for n in range(300))
    page = check_page(Verdict(source="s", format="coco", findings=findings), in_memory([]))
    assert "The first 200" in page
    assert "And 100 more" in page


def test_a_set_without_findings_or_that_cannot_be_opened() -> None:
    assert "Nothing was found." in check_page(Verdict(source="s", format="coco"), in_memory([]))
    broken = Verdict(source="s", format="coco", findings=(Finding(kind="set", text="line 3: no"),))
    assert "line 3: no" in check_page(broken, None)


def test_images_without_files_are_drawn_on_a_dark_ground() -> None:
    _, mask = scene(0)
    odd = mask.copy()
    odd[3:5, 3:5] = 1
    images = in_memory([mapped("a", None, np.ascontiguousarray(odd))])
    page = check_page(inspect_set(images, source="s", form="mmseg", workers=0), images)
    assert page.count("<figure") == 1
