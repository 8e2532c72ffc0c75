"""The picture of a search for thresholds."""

from __future__ import annotations

from pathlib import Path

import cv2

from segloop.viz.tuning_curves import draw_thresholds


def test_draws_a_line_per_class_and_the_same_bytes_again(tmp_path: Path) -> None:
    curves = [("船", (0.1, 0.5, 0.9), (0.2, 0.8, 0.3), 0.5), ("b", (0.1, 0.9), (0.1, 0.2), 0.9)]
    for name in ("one.png", "two.png"):
        draw_thresholds(curves, tmp_path / name, metric="cells/mAP", title="val")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    picture = cv2.imread(str(tmp_path / "one.png"))
    assert picture.shape[0] > 200
    assert picture.std() > 5
