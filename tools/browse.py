"""See the batches of a config as the model sees them: augmented, normalised, padded, with their labels drawn.

    python tools/browse.py configs/config_experiment_1.py
    python tools/browse.py configs/config_experiment_2.py --split val --count 2 --out seen/
    python tools/browse.py CONFIG --split test --list RUN/analysis/lists/worst.txt
    python tools/browse.py CONFIG --seed 3 --cfg-options train_dataloader.batch_size=4

Writes a PNG an image and a sheet, index.html, that works without a network.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError
from segloop.utils.flags import add_overrides


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("--split", default="train", choices=("train", "val", "test"), help="default: train")
    parser.add_argument("--count", type=int, metavar="N", help="batches (default: 4; of a LIST, all)")
    parser.add_argument("--list", type=Path, metavar="FILE", help="only images of this LIST, in its order")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of order and augmentation (default: the config's)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: <work_dir>/browse/<split>")
    add_overrides(parser)
    return parser.parse_args()


def main() -> int:
    """Load the batches, draw them, say where they are."""
    args = parse_args()
    if args.count is not None and args.count < 1:
        raise UserError(f"--count {args.count}: there is at least 1 batch to see.")
    from data_converters.prepare.demos import make_demo
    from segloop.experiments.browse import browse
    from segloop.experiments.launch import Options

    options = Options(
        config=args.config, overrides=args.cfg_options, seed=args.seed, device="cpu", make_demo=make_demo
    )
    only = None
    if args.list is not None:
        from segloop.data.layout import read_list

        only = read_list(args.list)
        if not only:
            raise UserError(f"{args.list} names no image.")
    count = args.count or (4 if only is None else len(only))
    browsed = browse(options, split=args.split, count=count, only=only)
    if browsed.elsewhere:
        told = f"{len(browsed.elsewhere)} image(s) of the LIST are not in split {args.split}"
        print(f"{told}, first {browsed.elsewhere[0]}")
    from segloop.experiments.browse_sheet import write_sheet

    sheet = write_sheet(browsed, args.out or browsed.work_dir / "browse" / args.split)
    print(f"Look at {sheet}")
    return 0


if __name__ == "__main__":
    run(main)
