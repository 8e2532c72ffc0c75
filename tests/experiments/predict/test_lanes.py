"""Batches side by side give what batches in a row give, in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import segloop
from segloop.data.annotations import ImageRecord
from segloop.experiments.predict.fuse import FusedConv2d
from segloop.experiments.predict.kept import FILE_NAME
from segloop.experiments.predict.lanes import MOST_LANES, count_lanes, predict_in_lanes, twin
from segloop.experiments.predict.model import Model
from segloop.experiments.predict.plan import Batch
from segloop.experiments.predict.run import predict_images

Files = tuple[Path, Path]


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(semantic: Files) -> Model:
    return segloop.load(*semantic, device="cpu", batch_size=2)


@pytest.fixture
def images(pictures: list[Path]) -> list[ImageRecord]:
    return [ImageRecord(image_id=str(n), name=file.name, file=file) for n, file in enumerate(pictures[:8])]


@pytest.mark.parametrize("kind", ["semantic", "instance"])
def test_lanes_find_what_one_batch_after_the_other_finds(
    kind: str, images: list[ImageRecord], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = segloop.load(*request.getfixturevalue(kind), device="cpu", batch_size=2)
    steps: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []
    step = model.predictor.predict

    def counted(samples: list) -> list:
        steps.append((threading.get_ident(), torch.get_num_threads()))
        return step(samples)

    model.predictor.predict = counted  # type: ignore[method-assign]
    side = predict_images(model, images, tmp_path / "side", progress=lambda *now: done.append(now))
    assert {threads for _, threads in steps} == {1}
    assert threading.get_ident() not in {ident for ident, _ in steps}
    assert done == [(2, 8), (4, 8), (6, 8), (8, 8)]
    assert torch.get_num_threads() == 2
    row = predict_images(model, images, tmp_path / "row", workers=0)
    assert steps[-1] == (threading.get_ident(), 2)
    for image, place in row.entries():
        one, two = row.load.prediction(place), side.load.prediction(side.places[image.image_id])
        if kind == "semantic":
            assert (one.mask == two.mask).all()  # type: ignore[union-attr]
        else:
            assert one.labels.tolist() == two.labels.tolist()  # type: ignore[union-attr]
            assert one.scores == pytest.approx(two.scores, abs=1e-5)  # type: ignore[union-attr]


def test_a_run_that_goes_on_ends_with_the_bytes_of_an_undisturbed_one(
    model: Model, images: list[ImageRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_images(model, images, tmp_path / "whole")
    step, seen = model.predictor.predict, []

    def cut(samples: list) -> list:
        seen.append(samples)
        if len(seen) > 2:
            raise KeyboardInterrupt
        return step(samples)

    monkeypatch.setattr(model.predictor, "predict", cut)
    with pytest.raises(KeyboardInterrupt):
        predict_images(model, images, tmp_path / "cut")
    monkeypatch.setattr(model.predictor, "predict", step)
    again = predict_images(model, images, tmp_path / "cut", resume=True)
    assert 2 <= again.done_before <= 4
    assert (tmp_path / "cut" / FILE_NAME).read_bytes() == (tmp_path / "whole" / FILE_NAME).read_bytes()


def batch(name: str, *, large: bool = False) -> Batch:
    return Batch((ImageRecord(image_id=name, name=name),), {name: ""}, large)


def test_a_large_batch_has_all_threads_and_keeps_its_place(model: Model) -> None:
    names = ["a", "b", "LARGE", "c", "d", "e", "f"]
    batches = [batch(name, large=name.isupper()) for name in names]
    found = list(predict_in_lanes(model, batches, lambda *_: torch.get_num_threads(), lanes=2))
    assert [each.images[0].name for each, _ in found] == names
    assert [threads for _, threads in found] == [1, 1, 2, 1, 1, 1, 1]


def test_what_a_module_notes_in_a_forward_stays_in_its_lane(model: Model) -> None:
    class Noting(torch.nn.Module):
        def forward(self, value: int) -> int:
            self.noted = value
            meet.wait(timeout=60)
            return self.noted

    meet = threading.Barrier(2)
    noting = SimpleNamespace(predictor=SimpleNamespace(model=Noting()))
    found = predict_in_lanes(
        noting,  # type: ignore[arg-type]
        [batch("1"), batch("2")],
        lambda model, batch: model.predictor.model(int(batch.images[0].name)),
        lanes=2,
    )
    assert [value for _, value in found] == [1, 2]


def test_twins_share_all_weights(model: Model, images: list[ImageRecord]) -> None:
    assert images[0].file is not None
    model.predict(images[0].file)
    own, other = model.predictor.model, twin(model).predictor.model
    assert all(one is two for one, two in zip(own.parameters(), other.parameters(), strict=True))
    pairs = [
        (one.laid_out, two.laid_out)
        for one, two in zip(own.modules(), other.modules(), strict=True)
        if isinstance(one, FusedConv2d)
    ]
    assert pairs
    assert all(one[0] is two[0] for one, two in pairs)


def test_lanes_are_for_several_small_batches_on_a_cpu(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_lanes(model, [batch("a"), batch("b"), batch("c")]) == 2
    assert count_lanes(model, [batch("a"), batch("b", large=True)]) == 1
    assert count_lanes(model, []) == 1
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    assert count_lanes(model, [batch(str(n)) for n in range(100)]) == MOST_LANES
    elsewhere = SimpleNamespace(
        predictor=SimpleNamespace(device=torch.device("cuda")), settings=model.settings
    )
    assert count_lanes(elsewhere, [batch("a"), batch("b")]) == 1  # type: ignore[arg-type]
