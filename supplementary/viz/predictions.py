"""Draw the README's picture from a RUN: image, truth, prediction and errors of a few test images.

  python supplementary/viz/predictions.py work_dirs/config_experiment_1

The images are taken at even steps from the best to the worst foreground Dice: none is hand-picked.
"""

from __future__ import annotations

from pathlib import Path

from segloop.utils.cli import Parser, run


def main() -> None:
    """Draw the sheet and the curves of the training beside it."""
    parser = Parser(__doc__)
    parser.add_argument("run", help="a RUN, a work_dir or a config")
    parser.add_argument("--rows", type=int, default=3, metavar="N", help="how many images (3)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("predictions.png"))
    args = parser.parse_args()
    import cv2
    import numpy as np
    from PIL import Image

    from segloop.analysis.runs import read_run
    from segloop.analysis.scores import class_scores
    from segloop.utils.atomic import open_atomic
    from segloop.viz.overlay import error_map, overlay, sheet

    found = read_run(args.run)
    ids, counts = found.counts()
    dice = class_scores(counts).dice
    keep = [index for index in range(dice.shape[1]) if index != found.background]
    with np.errstate(all="ignore"):
        means = np.array([np.nanmean(row[keep]) if not np.isnan(row[keep]).all() else np.nan for row in dice])
    order = [index for index in np.argsort(-means) if not np.isnan(means[index])]
    picked = [order[round(step)] for step in np.linspace(0.1, 0.9, args.rows) * (len(order) - 1)]
    palette = found.meta["palette"]
    rows = []
    for index in picked:
        name = ids[index]
        image = cv2.cvtColor(cv2.imread(str(found.image_file(name))), cv2.COLOR_BGR2RGB)
        truth = np.array(Image.open(found.truth_file(name)))
        prediction = np.array(Image.open(found.prediction_file(name)))
        rows.append(
            [
                image,
                overlay(image, truth, palette, background=found.background),
                overlay(image, prediction, palette, background=found.background),
                error_map(image, truth, prediction, background=found.background),
            ]
        )
    drawn = sheet(rows, titles=["image", "truth", "prediction", "errors"])
    with open_atomic(args.out, "wb") as file:
        Image.fromarray(drawn).quantize(256, kmeans=1).save(file, "PNG", optimize=True)
    print(f"{args.out}: {', '.join(f'{ids[i]} {means[i]:.2f}' for i in picked)}")


if __name__ == "__main__":
    run(main)
