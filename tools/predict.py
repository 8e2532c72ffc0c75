"""Predict images, folders, patterns, LIST files or data sets, in any format that labels are written in.

  python tools/predict.py work_dirs/config_experiment_2 photos/ --to mmseg --out predicted
  python tools/predict.py RUN test_v2 --to airbus --out submission.csv --sample-submission sample.csv
  python tools/predict.py CONFIG last 'scans/*.tif' --window 512 --tta --to coco --out found.json

MODEL is a config, a work_dir, a RUN, a published folder, a file of weights, or, without torch, an .onnx file.
Finished images are kept beside OUT; --resume goes on with a run that was stopped. Exit codes: 0 done,
1 images that could not be read, or that the format cannot hold.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from data_converters.cli import add_from, add_read_options, add_write_options, read_options, write_options
from segloop.utils.cli import Parser, run
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, UserError, listing
from segloop.utils.flags import add_overrides, add_predicting, check_numbers, predict_settings
from segloop.utils.progress import counted


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("model", metavar="MODEL", help="what to predict with")
    parser.add_argument(
        "inputs", nargs="+", metavar="[CHECKPOINT] INPUT", help="a .pth or .safetensors, best or last; images"
    )
    parser.add_argument("--to", dest="to_format", metavar="F", help="format of OUT, as in tools/convert.py")
    parser.add_argument("--out", type=Path, metavar="OUT", help="file or folder to make")
    parser.add_argument("--overlays", type=Path, metavar="DIR", help="draw what was found in each image")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--force", action="store_true", help="replace OUT, and what a stopped run left")
    parser.add_argument("--as-labels", action="store_true", help="coco, cityscapes: labels, not results")
    parser.add_argument("--sample-submission", type=Path, metavar="CSV", help="its images, in its order")
    parser.add_argument("--workers", type=int, metavar="N", help="threads (0: none), and writing processes")
    add_predicting(parser)
    add_from(parser, of="INPUT (or images, for a plain folder)")
    add_read_options(parser, of="INPUT")
    add_write_options(parser, predicted=True)
    add_overrides(parser)
    return parser.parse_args()


def main() -> int:
    """Predict, write, draw; say where it is and what is missing."""
    args = parse_args()
    if (args.to_format is None) != (args.out is None) or not (args.out or args.overlays):
        raise UserError("--to and --out say where predictions go; or name a folder for pictures, --overlays.")
    check_numbers(args, workers=0)
    from data_converters.deliver import Delivery
    from data_converters.inputs import find_inputs
    from data_converters.places import check_apart
    from segloop.experiments.predict.find import is_checkpoint

    checkpoint = args.inputs.pop(0) if is_checkpoint(args.inputs[0]) else None
    delivery = Delivery.of(args, write_options(args))
    found = find_inputs(args.inputs, from_format=args.from_format, options=read_options(args))
    for place in filter(None, (args.out, args.overlays)):
        check_apart(place, model=args.model, inputs=args.inputs, images=found.images)
    images, told = delivery.chosen(found.images) if delivery else (found.images, ())
    print("\n".join([*found.told, *told, f"{len(images)} image(s)"]))
    from segloop.experiments.predict.overlays import draw_overlays
    from segloop.experiments.predict.run import held, predict_images
    from segloop.experiments.predict.start import start

    options = predict_settings(args) | {"overrides": args.cfg_options, "unsafe_load": args.unsafe_load}
    model = start(args.model, checkpoint, **options)
    print("\n".join([str(model), *model.told]))
    if delivery:
        delivery.rehearse(model.classes, objects=model.kind == "instance")
    tell = partial(print, file=sys.stderr, flush=True)
    keep = Path(f"{args.out or args.overlays}.partial")
    how = {"resume": args.resume, "anew": args.force and not args.resume, "workers": args.workers}
    with held(keep):
        with counted("images") as progress:
            predicted = predict_images(model, images, keep, progress=progress, tell=tell, **how)
        code = EXIT_FINDINGS if predicted.skipped else EXIT_DONE
        if delivery:
            with counted("images written") as progress:
                report = delivery.write(predicted, objects=model.kind == "instance", progress=progress)
            print(report)
            code = code or report.exit_code
        if args.overlays:
            with counted("pictures drawn") as progress:
                draw_overlays(predicted, args.overlays, workers=args.workers, progress=progress)
            print(f"Pictures are in {args.overlays}")
    if predicted.skipped:
        print(f"{len(predicted.skipped)} of {len(images)} image(s) could not be predicted:", file=sys.stderr)
        print(listing([f"{name}: {why}" for name, why in predicted.skipped.items()]), file=sys.stderr)
    return code


if __name__ == "__main__":
    run(main)
