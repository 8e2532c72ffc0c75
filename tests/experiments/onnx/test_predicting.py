"""An exported model predicts what torch's does, through the same door."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import segloop
from segloop.analysis.thresholds import ComponentRule, Thresholds, write_thresholds
from segloop.experiments.onnx.predicting import OnnxPictures, OnnxPredictor, load_onnx
from segloop.experiments.predict.windows import make_grid
from segloop.utils.errors import UserError
from tests.experiments.onnx.test_model import model as stand_in


@pytest.fixture
def image(tiny_master: Path) -> Path:
    """An image of the tiny set."""
    return sorted((tiny_master / "img_dir" / "val").iterdir())[0]


@pytest.mark.parametrize(
    "settings",
    [{}, {"tta": "hv"}, {"tta": "hvr"}, {"window_hw": (32, 40)}, {"score_thr": 0.2}],
    ids=["plain", "views", "turned views", "windows", "rules"],
)
def test_masks_are_those_of_torch(
    tiny_onnx: Path, tiny_trained: tuple[Path, Path], tiny_undecided: Path, image: Path, settings: dict
) -> None:
    exported = load_onnx(tiny_onnx, **settings)
    model = segloop.load(tiny_trained[0], tiny_undecided, precision="float32", **settings)
    assert exported.classes == model.classes
    ours, theirs = exported.predict(image), model.predict(image)
    assert np.mean(ours.mask == theirs.mask) > 0.999
    assert len(np.unique(theirs.mask)) > 1, "nothing is compared"
    assert np.array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("tta", ["", "h"])
@pytest.mark.parametrize("rules", [None, [ComponentRule(0.5, min_area=9)] * 2])
def test_of_a_large_image_few_rows_of_scores_are_held(tta: str, rules: list[ComponentRule] | None) -> None:
    runner, _ = stand_in()
    runner.use_rules(rules)
    noise = np.random.default_rng(0).integers(0, 256, (4096, 80, 3), dtype=np.uint8)
    image = np.sort(noise, axis=1)
    grid = make_grid((4096, 80), (64, 48), overlap=0.5)
    predictor, pictures = OnnxPredictor(runner, tta=tta), OnnxPictures(runner, resize=False)
    tracemalloc.start()
    found = predictor.predict_windows(
        grid, lambda rows, columns: pictures.of_array(image[rows, columns, ::-1]), batch_size=2
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    whole = predictor.predict([pictures.of_array(image[..., ::-1])])[0]
    assert np.array_equal(found.mask, whole.mask)
    assert 0.3 < found.mask.mean() < 0.7
    if rules is None:
        assert peak < 4096 * 80 * len(runner.classes) * 4 / 2, "half of the scores"


def test_what_only_torch_can_is_refused(tiny_onnx: Path) -> None:
    with pytest.raises(UserError, match="as it was exported"):
        load_onnx(tiny_onnx, precision="bfloat16")
    assert load_onnx(tiny_onnx, thresholds=None).about["rules"] is None


def test_whose_thresholds_are_applied_is_told(tiny_onnx: Path, tmp_path: Path) -> None:
    assert len(load_onnx(tiny_onnx).told) == 1
    assert load_onnx(tiny_onnx, score_thr=0.3).told[1] == "what counts is said by the scores of --score-thr"
    names = load_onnx(tiny_onnx).classes.names[1:]
    file = write_thresholds(tmp_path / "mine.json", Thresholds({name: ComponentRule(0.15) for name in names}))
    assert load_onnx(tiny_onnx, thresholds=file).told[1] == f"what counts is said by {file}"
