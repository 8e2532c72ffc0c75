"""What a RUN of a ships test keeps besides a semantic one's: probabilities, and the scores of each image."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.structures import PixelData

from segloop.analysis.ship_scores import COLUMNS, ImageScore, ship_scores
from segloop.experiments.run_recorders import SemanticRecorder
from segloop.experiments.run_writer import ImageRow, SpooledImages, open_gzip, without_nan
from segloop.experiments.ships_metric import SegLoopShipsMetric

PROBABILITIES = "probabilities"  # not among the predictions, whose PNGs are masks


class ShipsRecorder(SemanticRecorder):
    """A semantic RUN's tables from masks that were cut by threshold and size, and `ships.csv.gz`."""

    def __init__(self, folder: Path, *, metric: SegLoopShipsMetric, **kwargs: Any) -> None:
        super().__init__(folder, **kwargs)
        self.metric = metric

    def record(self, sample: Any, row: ImageRow) -> dict[str, Any]:
        """Write mask and probabilities; return the counts and the image's scores."""
        content = sample.to_dict()
        cut = self.metric.recent.get(str(content["img_path"])) or self.metric.cut(content)
        if self.metric.keep_probabilities:
            file = self.folder / PROBABILITIES / f"{row.image_id}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            done, data = cv2.imencode(".png", cut.probability)
            if not done:
                raise OSError("the probabilities could not be encoded as PNG")
            file.write_bytes(data.tobytes())
        sample.set_data({"pred_sem_seg": PixelData(data=torch.from_numpy(cut.mask)[None])})
        return super().record(sample, row) | {"ships": None if cut.score is None else asdict(cut.score)}

    def write_tables(self, images: SpooledImages) -> dict[str, Any]:
        """Write the tables; return the scores, those of ships among them."""
        tables = super().write_tables(images)
        scored: list[ImageScore] = []
        with open_gzip(self.folder / "ships.csv.gz") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["image_id", *COLUMNS])
            for row, data in images:
                if data["ships"] is not None:
                    scored.append(ImageScore(**data["ships"]))
                    table.writerow([row.image_id, *(data["ships"][name] for name in COLUMNS)])
        return tables | {
            "scores": {**tables["scores"], **without_nan(ship_scores(scored))},
            "rules": {**tables["rules"], **self.metric.rules_in_words()},
        }

    def describe(self) -> dict[str, Any]:
        """Return the classes, how they were counted, and from what on a ship counted."""
        return super().describe() | self.metric.describe()
