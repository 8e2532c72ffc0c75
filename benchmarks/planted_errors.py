"""Plant mistakes into good labels and count how many of the suspects are theirs.

    python benchmarks/planted_errors.py configs/config_experiment_2.py CHECKPOINT --data data/multiclass

A copy of a split gets one mistake in some images: an object left out, named wrongly, or moved. The model
is tested on it, and the suspects of the RUN are held against what was planted, beside what loss alone ranks.

Needs: a trained model, and its data set.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from segloop.analysis.gathering import Gathered, gather
from segloop.analysis.measures import measure_run
from segloop.analysis.ranking import image_dice, mean_loss, order
from segloop.analysis.runs import Run, read_run
from segloop.analysis.suspects import Suspect, find_suspects, image_suspicion
from segloop.data.planting import KINDS, Planted, spoil


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
