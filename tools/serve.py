"""Answer images over HTTP: POST one to /predict, get its index mask, an overlay, COCO or run lengths.

    python tools/export.py configs/config_experiment_2.py --out shore.onnx
    python tools/serve.py shore.onnx
    curl --data-binary @photo.jpg 'http://127.0.0.1:8000/predict?to=png' > mask.png

An exported model needs no torch. Needs: pip install -e '.[serve]'. Only this machine is listened to unless
--host says otherwise; there is no password: put it behind a proxy that knows who may ask.
"""

from __future__ import annotations

from argparse import Namespace

from segloop.utils.cli import Parser, run


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("model", help="an .onnx file, or by torch a config, work_dir or RUN")
    parser.add_argument("checkpoint", nargs="?", help="of a config: file, best or last (default: best)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes one that is free (default: 8000)")
    parser.add_argument("--threads", type=int, metavar="N", help="of one prediction (default: all cores)")
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="most images at once (default: 8)")
    parser.add_argument("--queue", type=int, default=64, metavar="N", help="that may wait (default: 64)")
    parser.add_argument(
        "--max-bytes", type=int, default=16 << 20, metavar="N", help="of an upload (default: 16777216)"
    )
    parser.add_argument(
        "--max-pixels", type=int, default=16_000_000, metavar="N", help="of an image (default: 16000000)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds a request may take (default: 30)"
    )
    args = parser.parse_args()
    for name in ("threads", "batch", "queue", "max_bytes", "max_pixels", "timeout"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            parser.error(f"--{name.replace('_', '-')} {value}: it must be more than 0")
    return args


def main() -> int:
    """Load the model, see that it predicts, answer requests until told to end."""
    args = parse_args()
    import numpy as np

    from segloop.experiments.serving.models import load_model
    from segloop.experiments.serving.server import serve
    from segloop.experiments.serving.service import Service
    from segloop.experiments.serving.uploads import Limits

    model = load_model(args.model, args.checkpoint, threads=args.threads)
    model.predict_batch([np.zeros((64, 64, 3), np.uint8)])  # what cannot work is told now
    for line in model.told:
        print(line, flush=True)
    limits = Limits(size=args.max_bytes, pixels=args.max_pixels, seconds=args.timeout)
    service = Service(model, limits=limits, batch_size=args.batch, queue_size=args.queue)
    serve(service, host=args.host, port=args.port)
    return 0


if __name__ == "__main__":
    run(main)
