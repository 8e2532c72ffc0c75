"""Export a semantic model to ONNX: batch, height and width free, normalisation inside, checked against torch.

    python tools/export.py configs/config_experiment_2.py
    python tools/export.py CONFIG work_dirs/config_experiment_1/iter_500.pth --out shore.onnx
    python tools/export.py CONFIG --int8     # convolutions in whole numbers of 8 bits

Classes, colours and thresholds go into the file, so that tools/predict.py and tools/serve.py need nothing
else: no config, no torch. Exit code 1, and no file, if ONNX Runtime and torch do not agree.
Needs: pip install -e '.[export]'.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace

from segloop.utils.cli import Parser, run
from segloop.utils.flags import add_overrides, check_numbers


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="config, work_dir or RUN")
    parser.add_argument("checkpoint", nargs="?", help="file, best or last (default: best)")
    parser.add_argument("--out", metavar="FILE", help="default: the checkpoint's path, ending in .onnx")
    parser.add_argument(
        "--exporter",
        choices=("auto", "torchscript", "dynamo"),
        default="auto",
        help="of torch's own",
    )
    parser.add_argument(
        "--check",
        nargs="+",
        type=_size,
        default=[],
        metavar="WxH",
        help="sizes to compare at",
    )
    parser.add_argument(
        "--int8", nargs="?", type=int, const=32, metavar="N", help="fit to N training images (32)"
    )
    parser.add_argument(
        "--unsafe-load", action="store_true", help="load checkpoints that run code: only files you trust"
    )
    add_overrides(parser)
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found or not int(found[1]) * int(found[2]):
        raise ArgumentTypeError(f"{text!r} is no size such as 640x480")
    return int(found[2]), int(found[1])


def main() -> int:
    """Export, compare, say where it is."""
    args = parse_args()
    check_numbers(args, int8=1)
    from segloop.experiments.checkpoints import trusting
    from segloop.experiments.export.exporting import export

    with trusting(args.unsafe_load):
        exported = export(
            args.config,
            checkpoint=args.checkpoint,
            overrides=args.cfg_options,
            out=args.out,
            exporter=args.exporter,
            sizes_hw=args.check,
            int8=args.int8 or 0,
        )
    print(exported.path or "ONNX Runtime and torch differ by more than the bounds: no file is kept.")
    return 0 if exported.path else 1


if __name__ == "__main__":
    run(main)
