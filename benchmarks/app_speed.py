"""Time how long a browser waits for the app's first picture of a large RUN and a large data set.

    python benchmarks/app_speed.py [--images 10000] [--size 128] [--classes 19]

Needs: a Chromium. Draws some scenes and links them many times: a RUN, and a prepared data set. The app is
started anew; its pages Results and Data are opened, opened again, and turned one page on. Told are the
seconds from going there to the first picture, and the load of the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the scripts beside this one are found anyway
from report_speed import make_runs

from segloop.data.info import ClassInfo, DatasetInfo, Files
from supplementary.viz.app_server import served
from supplementary.viz.browser import Browser

PICTURES = "[...document.querySelectorAll('[data-testid=stImage] img')]"


def main() -> None:
    """Make the RUN and the set, serve the app, and look."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000, metavar="N")
    parser.add_argument("--size", type=int, default=128, metavar="PIXELS")
    parser.add_argument("--classes", type=int, default=19, metavar="N")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where the files are made")
    args = parser.parse_args()
    print(
        f"{args.images:,} images of {args.size}x{args.size}, {args.classes} classes, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        root = Path(scratch)
        make_runs(root, images=args.images, size=args.size, classes=args.classes)
        write_set(root / "data", root / "sets/blots", classes=args.classes)
        with served(root / "work_dirs", root / "sets") as address, Browser() as page:
            page.open(address)  # what any first page costs is not this page's
            page.settle()
            for name in ("results", "data"):
                for what in ("first time", "again"):
                    page.open("about:blank")
                    seen = wait(page, lambda name=name: page.open(f"{address}/{name}"), number=1)
                    print(f"  {name:8} {what:12}{seen:8.2f} s to the first picture", flush=True)
                page.settle()
                seen = wait(page, lambda: page.click("Next"), number=2)
                print(f"  {name:8} {'next page':12}{seen:8.2f} s", flush=True)


def wait(page: Browser, act: Callable[[], object], *, number: int) -> float:
    """Return the seconds from an act until the page of this number is there with a picture."""
    start = time.perf_counter()
    act()
    page.wait(
        f"document.body?.innerText.includes('Page {number} of') && {PICTURES}.some((e) => e.naturalWidth)"
    )
    return time.perf_counter() - start


def write_set(drawn: Path, root: Path, *, classes: int) -> None:
    """Link the drawn images and masks to where a prepared data set has them, all in one split."""
    for kind, folder in (("img", "img_dir"), ("ann", "ann_dir")):
        target = root / folder / "test"
        target.mkdir(parents=True)
        for file in (drawn / kind).iterdir():
            os.link(file, target / file.name)
    DatasetInfo(
        name="blots",
        task="blots",
        classes=tuple(ClassInfo(f"class {place}", (place * 12, place * 7, 90)) for place in range(classes)),
        splits={"test": sum(1 for _ in (root / "img_dir/test").iterdir())},
        images=Files("img_dir/{split}", ".jpg"),
        masks=Files("ann_dir/{split}", ".png"),
        background=0,
    ).write(root)


if __name__ == "__main__":
    main()
