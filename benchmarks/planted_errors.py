"""Plant mistakes into good labels and count how many of the suspects are theirs.

    python benchmarks/planted_errors.py configs/config_experiment_2.py CHECKPOINT --data data/multiclass

A copy of a split gets one mistake in some images: an object left out, named wrongly, or moved. The model
is tested on it, and the suspects of the RUN are held against what was planted, beside what loss alone ranks.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segloop.analysis.gathering import Gathered, gather
from segloop.analysis.measures import measure_run
from segloop.analysis.ranking import image_dice, mean_loss, order
from segloop.analysis.runs import Run, read_run
from segloop.analysis.suspects import Suspect, find_suspects, image_suspicion
from segloop.data.index_masks import read_index_mask
from segloop.data.info import DatasetInfo
from segloop.data.masks import decode, label_components
from segloop.data.png import encode_indices

KINDS = ("left out", "wrong class", "moved")
LEAST = 150  # pixels of an object that a mistake is made with
MOVES = (5, 9)  # pixels, from and below


@dataclass(frozen=True)
class Planted:
    """A mistake in an image: of which kind, and the box of the pixels that changed."""

    image_id: str
    kind: str
    box_xyxy: tuple[int, int, int, int]


def plant(
    mask: np.ndarray, kind: str, *, background: int, num_classes: int, draw: np.random.Generator
) -> np.ndarray | None:
    """Return a copy of an index mask with one mistake; None where no object is large enough."""
    parts = [
        (label, decode(runs, (mask.shape[0], mask.shape[1])).astype(bool))
        for label, found in label_components(mask, without=(background, 255)).items()
        for runs in found
    ]
    large = [(label, part) for label, part in parts if part.sum() >= LEAST]
    if not large:
        return None
    label, part = large[int(draw.integers(len(large)))]
    changed = mask.copy()
    if kind == "left out":
        changed[part] = background
    elif kind == "wrong class":
        others = [each for each in range(num_classes) if each not in (label, background)]
        changed[part] = others[int(draw.integers(len(others)))]
    else:
        angle, far = draw.uniform(0, 2 * np.pi), draw.uniform(*MOVES)
        rows, columns = np.nonzero(part)
        rows, columns = rows + round(far * np.sin(angle)), columns + round(far * np.cos(angle))
        inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
        changed[part] = background
        changed[rows[inside], columns[inside]] = label
    return changed


def spoil(root: Path, split: str, *, share: float, seed: int) -> list[Planted]:
    """Plant mistakes into the masks of a split, in place, and return them."""
    info = DatasetInfo.read(root)
    folder = root / info.mask_dir(split)
    draw = np.random.default_rng(seed)
    planted = []
    for file in sorted(folder.rglob("*.png")):
        if draw.random() >= share:
            continue
        kind = KINDS[int(draw.integers(len(KINDS)))]
        mask = read_index_mask(file)
        changed = plant(mask, kind, background=info.background or 0, num_classes=info.num_classes, draw=draw)
        if changed is None or (changed == mask).all():
            continue
        rows, columns = np.nonzero(changed != mask)
        box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        file.write_bytes(encode_indices(changed, palette=info.palette))
        image_id = file.relative_to(folder).as_posix()[: -len(".png")]
        planted.append(Planted(image_id, kind, box))
    return planted


def is_hit(suspect: Suspect, planted: list[Planted]) -> bool:
    """Return whether half of a suspect's box or more lies in the box of a planted mistake of its image."""
    left, top, right, bottom = suspect.box_xyxy
    for each in planted:
        if each.image_id != suspect.image_id:
            continue
        x1, y1, x2, y2 = each.box_xyxy
        shared = max(0, min(right, x2) - max(left, x1)) * max(0, min(bottom, y2) - max(top, y1))
        if 2 * shared >= (right - left) * (bottom - top):
            return True
    return False


def by_loss(gathered: Gathered, suspects: list[Suspect]) -> list[Suspect]:
    """Return the same regions by the loss that they make: pixels times -log of what is left of certainty."""
    return sorted(suspects, key=lambda each: each.area * np.log(max(1 - each.confidence, 1e-3)))


def precision(hits: list[bool], at: int) -> float:
    """Return the share of hits among the first."""
    return sum(hits[:at]) / at


def told(run: Run, gathered: Gathered, planted: list[Planted], *, at: int) -> str:
    """Return the comparison as a table."""
    suspects = find_suspects(gathered)
    ids = gathered.image_ids
    spoiled = {each.image_id for each in planted}
    rankings = {
        "suspicion": image_suspicion(suspects, ids),
        "mean loss of the image": mean_loss(ids, run.confidence),
        "1 - mDice_fg": 1 - image_dice(gathered),
    }
    lines = [
        f"{len(planted)} of {len(ids)} images have a planted mistake: "
        + ", ".join(f"{sum(each.kind == kind for each in planted)} {kind}" for kind in KINDS),
        f"regions, precision at {at}:",
        f"  suspicion               {precision([is_hit(each, planted) for each in suspects], at):.2f}",
        f"  summed loss             "
        f"{precision([is_hit(each, planted) for each in by_loss(gathered, suspects)], at):.2f}",
        f"images, precision at {at} (chance {len(spoiled) / len(ids):.2f}):",
    ]
    for name, values in rankings.items():
        ranked = [ids[place] in spoiled for place in order(values, ids, descending=True).tolist()]
        lines.append(f"  {name:24}{precision(ranked, at):.2f}" if ranked else f"  {name:24}–")
    first = {each.image_id for each in suspects[:at] if is_hit(each, planted)}
    lines.append(f"found among the first {at} regions, of those planted:")
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
        options = Options(
            config=args.config,
            work_dir=f"{scratch}/work",
            overrides=[f"{loader}_dataloader.dataset.data_root={root}" for loader in ("val", "test")],
            device=args.device,
        )
        _, folder = evaluate(options, checkpoint=args.checkpoint, split=args.split)
        run = read_run(folder)
        gathered = gather(measure_run(run), num_classes=len(run.class_names), background=run.background)
        print(told(run, gathered, planted, at=args.at))
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
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
