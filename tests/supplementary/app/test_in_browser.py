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


def test_images_are_opened_by_a_cell_and_by_keys_and_ticked_into_a_list(tmp_path: Path) -> None:
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
