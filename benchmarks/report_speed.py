"""Time what is made of a large test after it was counted, and measure its memory.

    python benchmarks/report_speed.py [--images 1000 10000] [--size 512] [--classes 19] [--analyze]

Makes two RUNs of so many images: some scenes, drawn once and linked many times, each image counted from its
files. Then tools/report.py of one RUN and of two, tools/compare.py, and with --analyze tools/analyze.py are
run, each in a process of its own. Told are seconds, CPU seconds of all its processes, and the largest memory
of one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from segloop.analysis.counts import confusion
from segloop.analysis.runs import FORMAT
from segloop.data.index_masks import read_index_mask
from segloop.data.png import encode_grey
from segloop.experiments.run_writer import (
    ImageRow,
    Spool,
    SpooledImages,
    write_images,
    write_semantic_tables,
)

ROOT = Path(__file__).resolve().parents[1]
SCENES = 40  # different ones


def main() -> int:
    args = parse_args()
    print(f"{args.size}x{args.size}, {args.classes} classes, {os.cpu_count()} cores")
    for images in args.images:
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            root = Path(scratch)
            start, cpu = time.perf_counter(), time.process_time()
            runs = make_runs(root, images=images, size=args.size, classes=args.classes)
            took, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(f"{images:,} images\n  {'making and counting two RUNs':32}{took:8.1f} s {cpu:8.1f} CPU s")
            work = [
                ("report of one RUN", ["report.py", runs[0]]),
                ("report of two RUNs", ["report.py", *runs, "--out", str(root / "two.html")]),
                ("compare", ["compare.py", *runs, "--out", str(root / "compare")]),
            ]
            if args.analyze:
                work.append(("analyze", ["analyze.py", runs[0]]))
            for name, command in work:
                took, cpu, memory = timed(command)
                print(f"  {name:32}{took:8.1f} s {cpu:8.1f} CPU s {memory / 2**20:8.0f} MiB")
    return 0


def timed(command: list[str]) -> tuple[float, float, int]:
    """Run a tool; return its seconds, its CPU seconds and its largest memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / command[0]), *command[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(told.decode())
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def make_runs(root: Path, *, images: int, size: int, classes: int) -> list[str]:
    """Write a data set and two RUNs of tests on it, all counted from files; return their folders."""
    data = root / "data"
    scenes = draw_scenes(root / "scenes", size=size, classes=classes)
    names = [f"class {place}" for place in range(classes)]
    runs = []
    for number in range(2):
        run = root / f"work_dirs/net{number}/test/test-last"
        (run / "predictions").mkdir(parents=True)
        spool = Spool(run / "records.jsonl")
        for place in range(images):
            image_id, scene = f"{place:06d}", scenes[place * (3 + 4 * number) % SCENES]
            targets = [data / "img" / f"{image_id}.jpg", data / "ann" / f"{image_id}.png"]
            targets.append(run / "predictions" / f"{image_id}.png")
            sources = [*scenes[place % SCENES][:2], scene[2 + number]]
            for source, target in zip(sources, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    os.link(source, target)
            counted = confusion(read_index_mask(targets[2]), read_index_mask(targets[1]), num_classes=classes)
            pairs = np.nonzero(counted)
            told = [*(part.tolist() for part in pairs), counted[pairs].tolist()]
            digests = [digest(source) for source in sources[:2]]
            row = ImageRow(image_id, f"img/{image_id}.jpg", f"ann/{image_id}.png", size, size, *digests)
            spool.append(row, {"pairs": told})
        spooled = SpooledImages([spool.path])
        write_images(run / "images.csv", spooled)
        metrics = write_semantic_tables(run, spooled, class_names=names, background=0)
        spool.path.unlink()
        (run / "metrics.json").write_text(json.dumps({"format": FORMAT, "kind": "semantic", **metrics}))
        (run / "timing.json").write_text("{}")
        meta = {
            "format": FORMAT, "kind": "semantic", "experiment": f"net{number}", "split": "test",
            "finished": "2026-01-01T00:00:00Z", "classes": names, "palette": [], "background": 0,
            "ignore_index": 255, "reduce_zero_label": False, "no_confidence": "it was drawn",
            "data": {"name": "blots", "root": str(data)},
            "files": sorted(item.name for item in run.iterdir()),
        }  # fmt: skip
        (run / "meta.json").write_text(json.dumps(meta))
        runs.append(str(run))
    return runs


@cache
def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def draw_scenes(folder: Path, *, size: int, classes: int) -> list[list[Path]]:
    """Write images, masks and two predictions each, whose edges are off and which have spots."""
    folder.mkdir()
    found = []
    for number in range(SCENES):
        draw = np.random.default_rng(number)
        coarse = draw.integers(0, classes, (size // 48 + 1, size // 48 + 1), dtype=np.uint8)
        coarse[draw.random(coarse.shape) < 0.5] = 0
        truth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_NEAREST)
        image = cv2.merge([truth * 12, truth * 7 + 40, truth * 3 + 80])
        files = [folder / f"{number}.jpg"]
        cv2.imwrite(str(files[0]), image)
        for step, mask in enumerate((truth, np.roll(truth, (3, 2), (0, 1)), np.roll(truth, (4, 3), (0, 1)))):
            files.append(folder / f"{number}_{step}.png")
            files[-1].write_bytes(encode_grey(mask))
        found.append(files)
    return found


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--size", type=int, default=512, help="edge of the square images, in pixels")
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--analyze", action="store_true", help="time tools/analyze.py, too: it takes minutes")
    parser.add_argument("--scratch", help="where the RUNs are made for a while")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
