"""Photograph the top of a data set's page for the tour, with a Chromium that is installed.

  python tools/eda.py data/multiclass
  python supplementary/viz/tour_eda.py work_dirs/eda/multiclass/index.html

Writes tour_eda.png.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import MissingDependency, UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 1280, 1500  # pixels of the page


def main() -> None:
    """Take the picture."""
    parser = Parser(__doc__)
    parser.add_argument("page", type=Path, help="index.html that tools/eda.py wrote")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tour_eda.png"))
    args = parser.parse_args()
    from PIL import Image

    from segloop.utils.atomic import open_atomic

    if not args.page.is_file():
        raise UserError(f"{args.page} does not exist. Run: python tools/eda.py DATASET")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise MissingDependency("Chromium", why="it draws the page", command="apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}"]
        subprocess.run([*command, *size, args.page.resolve().as_uri()], check=True, capture_output=True)
        with Image.open(shot) as image:
            small = image.convert("RGB").resize((WIDTH * 3 // 4, HEIGHT * 3 // 4))
        with open_atomic(args.out, "wb") as file:
            small.quantize(200, kmeans=1).save(file, "PNG", optimize=True)
    print(args.out)


if __name__ == "__main__":
    run(main)
