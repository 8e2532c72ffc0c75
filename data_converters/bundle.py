"""Packs the predictions of a few images as one file to download, in a format that labels are written in."""

from __future__ import annotations

import tempfile
from pathlib import Path

from data_converters.deliver import Delivery, Predicted

FILES = {"coco": "annotations.json", "cvat": "annotations.xml"}


def packed(predicted: Predicted, *, form: str, objects: bool) -> bytes:
    """Return what `tools/predict.py --as-labels` writes, byte by byte; `form` is one of FILES.

    `objects` says whether it is objects that were predicted, and not index maps.
    """
    with tempfile.TemporaryDirectory(prefix="segloop-") as folder:
        target = Path(folder) / FILES[form]
        delivery = Delivery(target=target, form=form, as_labels=True, workers=1)
        delivery.check()
        delivery.write(predicted, objects=objects)
        return target.read_bytes()
