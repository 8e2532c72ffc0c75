"""Photograph the app for the documentation: its pages on a laptop and a phone, light and dark.

    python supplementary/viz/app_pictures.py WORK_DIRS DATA

WORK_DIRS needs a model and a RUN whose images lie in DATA; --run and --model say which. Needs a Chromium.
Writes app.png.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from segloop.utils.cli import Parser, run

PHONE = 390, 844
LAPTOP = 1180, 844


def main() -> None:
    """Open the pages, take the pictures, and put them side by side."""
    parser = Parser(__doc__)
    parser.add_argument("work_dirs", type=Path, metavar="WORK_DIRS")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--run", required=True, metavar="WORK_DIR/RUN", help="as the app names it")
    parser.add_argument("--image", required=True, metavar="ID", help="the image of the RUN that is opened")
    parser.add_argument("--model", metavar="NAME", help="what is tried (the first that there is)")
    parser.add_argument("--drop", type=Path, nargs="+", required=True, metavar="FILE", help="images to try")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("app.png"))
    args = parser.parse_args()
    from app_server import served  # beside this file

    with tempfile.TemporaryDirectory() as folder, served(args.work_dirs, args.data) as address:
        shots = [
            results(address, args, Path(folder)),
            tried(address, args, Path(folder)),
        ]
        write_strip(shots, args.out)


def results(address: str, args, folder: Path) -> Path:  # type: ignore[no-untyped-def]
    """Return a picture of an image of a RUN, light, on a laptop."""
    from browser import Browser

    with Browser(width=LAPTOP[0], height=LAPTOP[1]) as page:
        page.open(f"{address}/results?run={args.run}&image={args.image}")
        page.settle()
        page.wait_for(args.image)
        page.run("document.querySelector('.st-key-closely').scrollIntoView()")
        page.settle()
        return page.picture(folder / "results.png")


def tried(address: str, args, folder: Path) -> Path:  # type: ignore[no-untyped-def]
    """Return a picture of dropped images, dark, on a phone."""
    from browser import Browser

    with Browser(width=PHONE[0], height=PHONE[1], dark=True) as page:
        page.open(f"{address}/?model={args.model or ''}")
        page.settle()
        page.upload(args.drop)
        page.wait_for("Table (CSV)")
        page.settle()
        page.run("document.querySelector('[data-testid=stImage]').scrollIntoView({block: 'center'})")
        page.settle()
        return page.picture(folder / "try.png")


def write_strip(shots: list[Path], out: Path) -> None:
    """Write pictures of one height side by side, on grey."""
    import cv2
    from sheets import write_sheet

    images = [cv2.cvtColor(cv2.imread(str(shot)), cv2.COLOR_BGR2RGB) for shot in shots]
    gap = np.full((images[0].shape[0], 16, 3), 214, np.uint8)
    write_sheet(np.concatenate([part for image in images for part in (image, gap)][:-1], axis=1), out)


if __name__ == "__main__":
    run(main)
