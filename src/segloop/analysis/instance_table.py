"""`per_image.csv.gz` of an instance RUN: what each image has, was found, and was hit, class by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segloop.analysis.assignment import THRESHOLDS, excused, one_to_one
from segloop.analysis.matching import FOREGROUND, ImageMatches

HITS = tuple(f"tp{round(100 * threshold)}" for threshold in THRESHOLDS)
HEADER = (
    *("image_id", "class_index", "class", "truth", "crowds", "found", "kept", "counted"),
    *HITS,
    *("pixels_tp", "pixels_fp", "pixels_fn"),
)
ALL = "(all)"  # what the class of the row is called that stands for all of them


def rows_of(matches: ImageMatches, class_names: Sequence[str]) -> Iterator[list[object]]:
    """Yield a row for each class that an image has in truth or in what was found, and one for all of them.

    `truth` are the true objects that are no crowds, `found` all found ones, `kept` those that pass the
    thresholds, `counted` those of them that lie in no crowd or ignored region without being a hit. `tp50` …
    `tp95` are hits at an IoU over that, of one class with its truth: at each, FP = counted - TP and FN = truth
    - TP. Pixels are those of united masks; they are empty where they are not known.
    """
    truth, found = matches.truth, matches.found
    pairs = one_to_one(matches, same_class=True)
    spared = excused(matches, same_class=True)
    spared[pairs.found] = False
    number = len(class_names)

    def count(labels: np.ndarray) -> np.ndarray:
        return np.bincount(labels, minlength=number)

    columns = [
        count(truth.labels[~truth.crowd]),
        count(truth.labels[truth.crowd]),
        count(found.labels),
        count(found.labels[found.kept]),
        count(found.labels[found.kept & ~spared]),
        *(count(truth.labels[pairs.truth[pairs.ious > threshold]]) for threshold in THRESHOLDS),
    ]
    table = np.stack(columns, axis=1)
    pixels = _pixels(matches)
    for index in np.flatnonzero(table.any(axis=1)).tolist():
        yield [matches.image_id, index, class_names[index], *table[index].tolist(), *pixels(index)]
    yield [matches.image_id, FOREGROUND, ALL, *table.sum(axis=0).tolist(), *pixels(FOREGROUND)]


def _pixels(matches: ImageMatches):  # noqa: ANN202
    found = matches.pixels
    if found is None:
        return lambda _: ["", "", ""]
    by_label = dict(
        zip(found.labels.tolist(), np.stack([found.tp, found.fp, found.fn], axis=1).tolist(), strict=True)
    )
    return lambda label: by_label.get(label, [0, 0, 0])
