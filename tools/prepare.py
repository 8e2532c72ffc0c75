"""Prepare a download for training: images, labels and splits in data/TASK, with a dataset.json.

    python tools/prepare.py ships ~/Downloads/airbus-ship-detection
    python tools/prepare.py multiclass my_labels.zip --images my_pictures --labels background dent scratch
    python tools/prepare.py multiclass --demo
    python tools/prepare.py cells --demo --count 60 --size 96 --out data/tiny

The author's or the competition's own splits are kept; what has none is cut from a seed, evenly in its
labels, with pictures of one scene together. The set appears when it is whole, or not at all. Exit codes:
0 done, 1 images left out (--skip-bad), 2 a mistake or bad images (nothing is written).
"""

from __future__ import annotations

from data_converters.prepare.cli import main
from segloop.utils.cli import run

if __name__ == "__main__":
    run(lambda: main(__doc__ or ""))
