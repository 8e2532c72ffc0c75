"""Tune from which score or probability, and from which size on, what a model finds counts; store it.

  python tools/tune.py configs/ships/unet_dropout_ships.py          threshold and size of connected parts
  python tools/tune.py work_dirs/mask-rcnn_r50_fpn_cells --metric cells/mAP    score and size of each class

Reads a RUN of the validation split (`tools/test.py CONFIG --split val`) and writes `thresholds.json` beside
the checkpoints, which later tests and predictions apply, and a curve, `thresholds.png`.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.flags import check_data_root, check_numbers


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="a RUN, or a work_dir or config: its newest val RUN")
    parser.add_argument("--metric", metavar="NAME", help="what to tune for (default: the task's)")
    parser.add_argument(
        "--allow-test", action="store_true", help="tune on a RUN of the test split all the same"
    )
    parser.add_argument("--out", metavar="DIR", help="where to write (default: the work_dir of the RUN)")
    parser.add_argument(
        "--data-root", metavar="DIR", type=Path, help="where the data set is now, if it was moved"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: as many as pay; one for objects)"
    )
    return parser.parse_args()


def main() -> int:
    """Search, print the scores before and after, write the files."""
    args = parse_args()
    check_numbers(args, workers=0)
    check_data_root(args)
    from segloop.analysis.thresholds import write_thresholds
    from segloop.analysis.tuning import open_run, report, tune, work_dir_of
    from segloop.utils.errors import writing
    from segloop.utils.progress import counted
    from segloop.viz.tuning_curves import draw_thresholds

    tested = open_run(args.run, allow_test=args.allow_test)
    folder = Path(args.out) if args.out else work_dir_of(tested)
    with writing(folder):  # told before the search
        folder.mkdir(parents=True, exist_ok=True)
    with counted("steps of the search") as progress:
        tuning = tune(
            tested, metric=args.metric, data_root=args.data_root, workers=args.workers, progress=progress
        )
    print(report(tuning))
    curves = [(each.name, each.thresholds, each.scores, each.chosen) for each in tuning.curves]
    with writing(folder):
        path = write_thresholds(folder / "thresholds.json", tuning.thresholds())
        draw_thresholds(curves, folder / "thresholds.png", metric=tuning.metric, title=tested.name)
    print(f"Written: {path}, {folder / 'thresholds.png'}")
    return 0


if __name__ == "__main__":
    run(main)
