"""Photograph parts of the page of an analysis for the documentation, with a Chromium that is installed.

  python supplementary/viz/analysis.py work_dirs/config_experiment_2

Run tools/analyze.py first. Writes analysis.png: the top of the page, its worst images and its suspects.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from segloop.utils.cli import Parser, run
from segloop.utils.errors import MissingDependency, UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PARTS = ("", "#worst", "#suspects")
WIDTH, HEIGHT = 980, 1180  # pixels of a part


def main() -> None:
    """Take the pictures and put them side by side."""
    parser = Parser(__doc__)
    parser.add_argument("run", help="a RUN, a work_dir or a config")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("analysis.png"))
    args = parser.parse_args()
    import cv2
    from PIL import Image

    from segloop.analysis.runs import read_run
    from segloop.utils.atomic import open_atomic

    page = read_run(args.run).folder / "analysis/index.html"
    if not page.is_file():
        raise UserError(f"{page} does not exist. Run: python tools/analyze.py {args.run}")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise MissingDependency("Chromium", why="it draws the page", command="apt install chromium")
    shots = [photograph(browser, page, part) for part in PARTS]
    half = [cv2.resize(shot, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for shot in shots]
    gap = np.full((half[0].shape[0], 12, 3), 255, np.uint8)
    drawn = np.concatenate([part for shot in half for part in (shot, gap)][:-1], axis=1)
    with open_atomic(args.out, "wb") as file:
        Image.fromarray(drawn).quantize(200, kmeans=1).save(file, "PNG", optimize=True)
    print(args.out)


def photograph(browser: str, page: Path, part: str) -> np.ndarray:
    """Return a part of the page, RGB; its anchor says which."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        # A shot begins at the top of the page whatever its anchor is, so what stands above is taken out.
        text = page.read_text(encoding="utf-8")
        if part:
            text = text[: text.index("<header>")] + "<main>" + text[text.index(f'<section id="{part[1:]}"') :]
        copy = Path(folder) / "page.html"
        copy.write_text(text, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = f"--window-size={WIDTH},{HEIGHT}"
        subprocess.run(
            [*command, size, f"--screenshot={shot}", copy.as_uri()], check=True, capture_output=True
        )
        return cv2.cvtColor(cv2.imread(str(shot)), cv2.COLOR_BGR2RGB)


if __name__ == "__main__":
    run(main)
