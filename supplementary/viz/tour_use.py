"""Draw the tour's pictures of predict and serve: what the tools give for a few images.

    python supplementary/viz/tour_use.py work_dirs/config_experiment_2 data/multiclass/img_dir/test/*

Runs tools/predict.py with --overlays, and tools/serve.py, which is asked as the documentation asks it.
Shows up to four images. Needs a Chromium. Writes tour_predict.png and tour_serve.png.
"""

from __future__ import annotations

import base64
import html
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np

from segloop.utils.cli import Parser, run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0  # torch is loaded
PAGE = """<!doctype html><meta charset=utf-8><style>
body {{ margin: 0; display: flex; gap: 12px; height: 420px; background: #fff; }}
pre {{ flex: 1; margin: 0; padding: 16px 18px; background: #14181a; color: #e6eaea; font: 15px/1.45 monospace;
      overflow: hidden; white-space: pre-wrap; word-break: break-all; }}
b {{ color: #6fd0c6; font-weight: normal; }}
img {{ height: 420px; image-rendering: pixelated; }}
</style><pre>{text}</pre><img src="data:image/png;base64,{picture}">"""


def main() -> None:
    """Predict, serve, ask, and put on sheets what came."""
    parser = Parser(__doc__)
    parser.add_argument("model", help="a RUN, a work_dir or a config")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path(__file__).parent)
    args = parser.parse_args()
    from browser import shoot  # beside this file
    from sheets import in_rows, write_sheet

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pairs = predicted(args.model, args.images[:4], folder / "drawn")
        write_sheet(in_rows(pairs, columns=len(pairs) // 2), args.out / "tour_predict.png", colors=128)
        page = folder / "served.html"
        page.write_text(served(args.model, args.images[0]), encoding="utf-8")
        write_sheet(np.asarray(shoot(page, width=1180, height=420)), args.out / "tour_serve.png", colors=96)


def predicted(model: str, images: list[Path], folder: Path) -> list[np.ndarray]:
    """Return the images, then what the tool drew of each, RGB."""
    command = [sys.executable, "tools/predict.py", model, *map(str, images), "--overlays", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    drawn = [next(folder.rglob(f"{image.stem}.*")) for image in images]
    return [read(file) for file in (*images, *drawn)]


def read(file: Path) -> np.ndarray:
    """Return an image, RGB."""
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def served(model: str, image: Path) -> str:
    """Return a page with a request, the begin of its answer, and the answer as a picture."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "tools/serve.py", model, "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the service does not start: {' '.join(command)}")
            time.sleep(0.2)
        answers = {
            form: urllib.request.urlopen(f"{address}/predict?to={form}", data=image.read_bytes()).read()
            for form in ("coco", "overlay")
        }
    finally:
        process.terminate()
        process.wait(30)
    asked = f"curl --data-binary @{image.name} 'http://127.0.0.1:8000/predict?to={{}}'"
    lines = json.dumps(shortened(json.loads(answers["coco"])), indent=1, ensure_ascii=False)
    for quoted, plain in (('"{', "{"), ('…",', "…,"), ('"[', "["), (']"', "]"), ('\\"', '"')):
        lines = lines.replace(quoted, plain)  # what was shortened is no string
    text = f"<b>$ {html.escape(asked.format('coco'))}</b>\n{html.escape(lines)}\n"
    text = f"<b>$ {html.escape(asked.format('overlay'))} &gt; drawn.png</b>\n{text}"
    return PAGE.format(text=text, picture=base64.b64encode(answers["overlay"]).decode())


def shortened(answer: dict[str, list]) -> dict[str, object]:  # type: ignore[type-arg]
    """Return the first annotation of an answer, and how many there are."""
    first, *rest = answer["annotations"] or [{}]
    if isinstance(first.get("segmentation"), dict):
        first["segmentation"] = json.dumps(first["segmentation"])[:56] + " …"
    first["bbox"] = str(first.get("bbox"))
    return {"annotations": [first, f"… {len(rest)} more"]}


if __name__ == "__main__":
    run(main)
