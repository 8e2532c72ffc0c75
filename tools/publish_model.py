"""Publish a model: weights only, as safetensors, with its config and a card made from what was recorded.

  python tools/publish_model.py configs/config_experiment_1.py
  python tools/publish_model.py work_dirs/config_experiment_1/iter_2000.pth --out releases/shore

Test the checkpoint first: the card takes its scores from the RUN of this very file. Thresholds that were
tuned on it go with it.
"""

from __future__ import annotations

from argparse import Namespace

from segloop.utils.cli import Parser, run


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("target", metavar="IN", help="checkpoint, work_dir or config (the best checkpoint)")
    parser.add_argument("place", nargs="?", metavar="OUT", help="the same as --out, as OpenMMLab has it")
    parser.add_argument(
        "--out", metavar="OUT", help="folder, or a .safetensors or .pth file (default: <work_dir>/published)"
    )
    parser.add_argument("--force", action="store_true", help="replace a card and a config that are there")
    parser.add_argument(
        "--unsafe-load", action="store_true", help="load checkpoints that run code: only files you trust"
    )
    return parser.parse_args()


def main() -> int:
    """Publish, and say where it is."""
    args = parse_args()
    from segloop.experiments.checkpoints import trusting
    from segloop.experiments.publishing import publish

    with trusting(args.unsafe_load):
        path = publish(args.target, out=args.out or args.place, force=args.force)
    print(f"{path}\nRead and complete {path.parent / 'README.md'}: the licence is yours to choose.")
    return 0


if __name__ == "__main__":
    run(main)
