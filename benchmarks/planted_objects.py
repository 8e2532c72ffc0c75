"""Plant mistakes into good labels of objects and count how many of the suspects are theirs.

    python benchmarks/planted_objects.py CONFIG CHECKPOINT --data data/spacecraft --split val

The twin of planted_errors.py for COCO files: in some images one object is left out, named wrongly, moved, or
one is labelled where there is none. The model is tested on them, and what tools/analyze.py suspects is held
against what was planted, beside what loss alone ranks.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planted_errors import Planted, precision
from segloop.analysis.analyze import Analysis
from segloop.analysis.cases import suspect_box
from segloop.analysis.instance_analysis import analyze_instances
from segloop.analysis.ranking import order
from segloop.analysis.runs import read_run
from segloop.analysis.suspects import Suspect, image_suspicion
from segloop.data.info import DatasetInfo
from segloop.data.masks import Runs, boxes_xyxy, decode, encode, from_strings, rasterize, to_strings
from segloop.utils.atomic import write_json

KINDS = ("left out", "wrong class", "moved", "made up")
LEAST = 80  # pixels of an object that a mistake is made with
MOVES = (5, 9)  # pixels, from and below
FAR = (30, 90)  # so many pixels away an object is made up


def spoil(root: Path, split: str, *, share: float, seed: int) -> list[Planted]:
    """Plant mistakes into the COCO file of a split, in place, and return them."""
    info = DatasetInfo.read(root)
    file = root / info.coco[split]
    content = json.loads(file.read_text(encoding="utf-8"))
    draw = np.random.default_rng(seed)
    categories = sorted(each["id"] for each in content["categories"])
    kinds = KINDS if len(categories) > 1 else tuple(kind for kind in KINDS if kind != "wrong class")
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for each in content["annotations"]:
        by_image.setdefault(each["image_id"], []).append(each)
    planted: list[Planted] = []
    for image in content["images"]:
        if draw.random() >= share:
            continue
        kind = kinds[int(draw.integers(len(kinds)))]
        size_hw = int(image["height"]), int(image["width"])
        own = by_image.get(image["id"], [])
        box = plant(own, kind, size_hw=size_hw, categories=categories, draw=draw)
        if box is not None:
            planted.append(Planted(Path(image["file_name"]).with_suffix("").as_posix(), kind, box))
        by_image[image["id"]] = own
    kept = [each for own in by_image.values() for each in own]
    write_json(file, content | {"annotations": [each | {"id": at} for at, each in enumerate(kept, start=1)]})
    return planted


def plant(
    own: list[dict[str, Any]],
    kind: str,
    *,
    size_hw: tuple[int, int],
    categories: list[int],
    draw: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Make one mistake among the annotations of an image; return the box that it is in, None for none."""
    large = [each for each in own if not each.get("iscrowd") and each["area"] >= LEAST]
    if not large:
        return None
    chosen = large[int(draw.integers(len(large)))]
    mask = decode(runs_of(chosen, size_hw), size_hw).astype(bool)
    if kind == "left out":
        own.remove(chosen)
        return box_of(mask)
    if kind == "wrong class":
        others = [each for each in categories if each != chosen["category_id"]]
        chosen["category_id"] = others[int(draw.integers(len(others)))]
        return box_of(mask)
    far = MOVES if kind == "moved" else FAR
    moved = shifted(mask, angle=draw.uniform(0, 2 * np.pi), far=draw.uniform(*far))
    if moved.sum() < LEAST / 2:
        return None
    if kind == "moved":
        chosen |= labelled(moved)
        return box_of(mask | moved)
    taken = np.zeros(size_hw, bool)
    for each in own:
        taken |= decode(runs_of(each, size_hw), size_hw).astype(bool)
    if (moved & taken).any():
        return None
    own.append(chosen | labelled(moved))
    return box_of(moved)


def runs_of(annotation: dict[str, Any], size_hw: tuple[int, int]) -> Runs:
    """Return the mask of an annotation as run lengths."""
    told = annotation["segmentation"]
    if isinstance(told, list):
        return rasterize([tuple(np.reshape(ring, (-1, 2)) for ring in told)], size_hw)[0]
    counts = told["counts"]
    return from_strings([counts])[0] if isinstance(counts, str) else np.asarray(counts)


def shifted(mask: np.ndarray, *, angle: float, far: float) -> np.ndarray:
    """Return a mask moved by so many pixels; what leaves the image is cut."""
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + round(far * np.sin(angle)), columns + round(far * np.cos(angle))
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved[rows[inside], columns[inside]] = True
    return moved


def labelled(mask: np.ndarray) -> dict[str, Any]:
    """Return what COCO says of a mask."""
    left, top, right, bottom = box_of(mask)
    return {
        "segmentation": {"size": list(mask.shape), "counts": to_strings([encode(mask)])[0]},
        "area": int(mask.sum()),
        "bbox": [left, top, right - left, bottom - top],
    }


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a mask."""
    size_hw = mask.shape[0], mask.shape[1]
    left, top, right, bottom = np.asarray(boxes_xyxy([encode(mask)], size_hw))[0].tolist()
    return int(left), int(top), int(right), int(bottom)


def is_hit(suspect: Suspect, box: tuple[int, int, int, int], planted: list[Planted]) -> bool:
    """Return whether a suspect's box and that of a planted mistake of its image overlap by half (IoU)."""
    left, top, right, bottom = box
    for each in planted:
        if each.image_id != suspect.image_id:
            continue
        x1, y1, x2, y2 = each.box_xyxy
        shared = max(0, min(right, x2) - max(left, x1)) * max(0, min(bottom, y2) - max(top, y1))
        union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared
        if 2 * shared >= union:
            return True
    return False


def loss(suspect: Suspect) -> float:
    """Return the loss that an object makes: pixels in doubt times -log of what is left of certainty."""
    return float(suspect.area * -np.log(max(1 - suspect.confidence, 1e-3)))


def told(analysis: Analysis, planted: list[Planted], *, at: int) -> str:
    """Return the comparison as a table."""
    ids = list(analysis.images["image_id"])
    spoiled = {each.image_id for each in planted}
    by_loss = sorted(analysis.suspects, key=lambda each: -loss(each))

    def hits(ranked: list[Suspect]) -> list[bool]:
        return [is_hit(each, suspect_box(analysis, each), planted) for each in ranked[:at]]

    losses = dict.fromkeys(ids, 0.0)
    for each in analysis.suspects:
        losses[each.image_id] += loss(each)
    quality = np.nan_to_num(np.array(analysis.images["quality"], np.float64))
    rankings = {
        "suspicion": image_suspicion(analysis.suspects, ids),
        "summed loss": np.array([losses[each] for each in ids]),
        "1 - quality": 1 - quality,
    }
    found = hits(analysis.suspects)
    lines = [
        f"{len(planted)} of {len(ids)} images have a planted mistake: "
        + ", ".join(f"{sum(each.kind == kind for each in planted)} {kind}" for kind in KINDS),
        f"objects, precision at {at}:",
        f"  suspicion               {precision(found, at):.2f}",
        f"  loss                    {precision(hits(by_loss), at):.2f}",
        f"images, precision at {at} (chance {len(spoiled) / len(ids):.2f}):",
    ]
    for name, values in rankings.items():
        ranked = [ids[place] in spoiled for place in order(values, ids, descending=True).tolist()]
        lines.append(f"  {name:24}{precision(ranked, at):.2f}")
    first = {each.image_id for each, hit in zip(analysis.suspects, found, strict=False) if hit}
    lines.append(f"found among the first {at} objects, of those planted:")
    for kind in KINDS:
        own = [each for each in planted if each.kind == kind]
        lines.append(f"  {kind:24}{sum(each.image_id in first for each in own)} of {len(own)}")
    return "\n".join(lines)


def main() -> int:
    args = parse_args()
    from segloop.experiments.launch import Options, evaluate

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / args.data.name
        shutil.copytree(args.data, root)
        planted = spoil(root, args.split, share=args.share, seed=args.seed)
        parts = (f"{loader}_dataloader.dataset.data_root" for loader in ("val", "test"))
        options = Options(
            config=args.config,
            work_dir=f"{scratch}/work",
            overrides=[*(f"{part}={root}" for part in parts), *args.cfg_options],
            device=args.device,
        )
        _, folder = evaluate(options, checkpoint=args.checkpoint, split=args.split)
        print(told(analyze_instances(read_run(folder), repeats=100), planted, at=args.at))
    return 0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="the prepared data set; it is copied")
    parser.add_argument("--split", default="test")
    parser.add_argument("--share", type=float, default=0.35, help="of the images that get a mistake")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, default=50)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cfg-options", nargs="+", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
