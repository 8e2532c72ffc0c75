"""Through the app in a real browser: drop, look, take away, tick; what comes out is what the tools write."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.layout import read_list
from supplementary.viz.app_server import ROOT, served
from supplementary.viz.browser import Browser, chromium
from tests.analysis.runs_made import write_run
from tests.app.models_made import write_work_dir
from tests.app.test_images import IMAGES

pytest.importorskip("streamlit")
LINE = 35  # pixels of a line of a table
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(chromium() is None, reason="no Chromium here"),
]


def predicted(model: Path, images: Path, out: Path, *flags: str) -> Path:
    """Return what the tool writes of the same images."""
    command = [sys.executable, "tools/predict.py", str(model), str(images), "--out", str(out), *flags]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out


def pixels(png: bytes) -> np.ndarray:
    """Return the indices of a mask."""
    return np.asarray(Image.open(io.BytesIO(png)))


def foreign(page: Browser) -> list[str]:
    """Return what the page complained of, but for its looks into folders that are none."""
    return [line for line in page.console if "/_stcore/" not in line]


def test_what_is_dropped_comes_back_as_the_tools_write_it(tmp_path: Path, tiny_master: Path) -> None:
    model = write_work_dir(tmp_path / "work_dirs", tiny_master)
    images = tmp_path / "images"
    images.mkdir()
    for file in sorted((tiny_master / "img_dir/val").glob("*.png")):
        (images / file.name).write_bytes(file.read_bytes())
    with served(tmp_path / "work_dirs", tmp_path) as address, Browser() as page:
        page.open(address)
        page.settle()
        page.upload(sorted(images.iterdir()))
        page.wait_for("Table (CSV)")
        page.settle()
        coco = page.download("COCO", "annotations.json")
        cvat = page.download("CVAT", "annotations.xml")
        masks = page.download("Masks (zip)", "masks.zip")
        table = page.download("Table (CSV)", "found.csv")
        first = sorted(images.iterdir())[0]
        picture = page.download("Picture (PNG)", f"{first.stem}_masks.png")
        assert foreign(page) == []
    told = predicted(model, images, tmp_path / "coco.json", "--to", "coco", "--as-labels")
    assert coco == told.read_bytes()
    assert cvat == predicted(model, images, tmp_path / "cvat.xml", "--to", "cvat").read_bytes()
    written = predicted(model, images, tmp_path / "mmseg", "--to", "mmseg")
    with zipfile.ZipFile(io.BytesIO(masks)) as archive:
        names = archive.namelist()
        for name in names:
            (same,) = written.rglob(name)
            assert np.array_equal(pixels(archive.read(name)), pixels(same.read_bytes()))
    assert names == [file.name for file in sorted(images.iterdir())]
    assert table.decode().splitlines()[0].startswith("image,object,class")
    assert pixels(picture).shape == pixels(first.read_bytes()).shape


def press_cell(page: Browser, row: int, column: int) -> None:
    """Click a cell of the confusion, which is painted on a canvas; rows and columns from 0."""
    grid = "document.querySelector('[data-testid=stDataFrame]')"
    page.wait(f"!!{grid} && !!{grid}.querySelector('canvas')")
    page.run(f"{grid}.scrollIntoView({{block: 'center'}})")
    page.settle()
    left, top, width = page.run(f"((b) => [b.x, b.y, b.width])({grid}.getBoundingClientRect())")
    names = page.run(f"[...{grid}.querySelectorAll('th')].map((each) => each.innerText)")
    # columns share the width, wider ones for longer names: the right one is found by trying from the left
    for x in range(int(left) + 20, int(left + width) - 10, 30):
        page.press_at(x, top + LINE * (row + 1.5))
        page.settle()
        if f"taken for {names[column + 1]}" in page.text():
            return
    raise AssertionError(f"no click opened {names[column + 1]}: {page.text()[:500]}")


def test_a_click_on_a_cell_of_the_confusion_opens_its_images(tmp_path: Path) -> None:
    write_run(tmp_path, IMAGES)
    with served(tmp_path / "work_dirs", tmp_path) as address, Browser() as page:
        page.open(f"{address}/results")
        page.settle()
        page.click("Confusion matrix")
        press_cell(page, 2, 1)
        page.wait_for("Images with bar taken for disc: 2 pixels")
        shown = (
            "new Set([...document.querySelectorAll('[class*=results_open]')].map((e) => e.className)).size"
        )
        page.wait(f"{shown} === 1")
        page.click("All images")
        page.wait(f"{shown} === 4")
        assert foreign(page) == []


def test_what_is_opened_comes_into_view(tmp_path: Path) -> None:
    write_run(tmp_path, {f"{number:02d}": IMAGES["half"] for number in range(24)})
    with served(tmp_path / "work_dirs", tmp_path) as address, Browser() as page:
        page.open(f"{address}/results")
        page.settle()
        last = "(found) => found[found.length - 1]"
        buttons = "document.querySelectorAll('[class*=results_open] button')"
        page.run(f"({last})({buttons}).scrollIntoView()")
        page.run(f"({last})({buttons}).click()")
        page.wait("!!document.querySelector('.st-key-closely')")
        page.settle()
        top = page.run("document.querySelector('.st-key-closely').getBoundingClientRect().y")
        assert 0 <= top < 100


def test_images_are_opened_by_keys_and_ticked_into_a_list(tmp_path: Path) -> None:
    write_run(tmp_path, IMAGES)
    with served(tmp_path / "work_dirs", tmp_path) as address, Browser(width=390, height=844) as page:
        page.open(f"{address}/results?run=net/test-last&image=half")
        page.settle()
        page.wait_for("half")
        page.key("ArrowRight", 39)
        page.wait("location.search.includes('image=good')")
        page.key("Escape", 27)
        page.wait("!location.search.includes('image=')")
        page.settle()
        page.click("Tick this page")
        page.wait_for("4 ticked")
        page.click("Save LIST")
        page.wait_for("Saved:")
        assert foreign(page) == []
        wide = page.run("document.documentElement.scrollWidth")
        assert wide <= 390, "a phone scrolls sideways"
    assert read_list(tmp_path / "work_dirs/lists/picked.txt") == ["empty", "good", "half", "mixed"]
