"""Convert labels from one format to another, and say what was lost.

    python tools/convert.py data/cells data/cells.zip --from coco --to cvat
    python tools/convert.py train.csv data/ships --from airbus --to coco --images train_v2
    python tools/convert.py export.zip data/relabelled --to mmseg --strict

DST appears when it is whole, or not at all. Exit codes: 0 done, 1 images left out (--skip-bad) or a loss that
--strict forbids, 2 a mistake or bad images (nothing is written).
"""

from __future__ import annotations

from data_converters.cli import main
from segloop.utils.cli import run

if __name__ == "__main__":
    run(lambda: main(__doc__ or ""))
