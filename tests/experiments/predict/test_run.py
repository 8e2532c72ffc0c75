"""A list is predicted once, whatever stops it; a broken image costs a line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import segloop
from segloop.data.annotations import ImageRecord
from segloop.experiments.predict.kept import FILE_NAME, Kept
from segloop.experiments.predict.overlays import draw_overlays
from segloop.experiments.predict.run import predict_images, remove_kept
from segloop.utils.errors import UserError

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def model(semantic: Files) -> segloop.experiments.predict.model.Model:
    return segloop.load(*semantic, device="cpu", batch_size=2)


@pytest.fixture
def images(pictures: list[Path], tmp_path: Path) -> list[ImageRecord]:
    """Seven images, one of which is broken."""
    found = []
    for number, file in enumerate([*pictures[:6], pictures[0]]):
        place = tmp_path / f"{number}.png"
        shutil.copy(file, place)
        found.append(ImageRecord(image_id=str(number), name=place.name, file=place))
    data = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(data[: len(data) // 2])
    return found


def test_a_killed_run_goes_on_and_nothing_is_done_twice(
    model, images: list[ImageRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = predict_images(model, images, tmp_path / "whole", workers=0)
    seen: list[int] = []
    told: list[str] = []
    step: Callable = model.predictor.predict

    def counted(samples: list, *, killed_after: int) -> list:
        if len(seen) == killed_after:
            raise KeyboardInterrupt
        seen.append(len(samples))
        return step(samples)

    monkeypatch.setattr(model.predictor, "predict", lambda samples: counted(samples, killed_after=2))
    with pytest.raises(KeyboardInterrupt):
        predict_images(model, images, tmp_path / "cut", workers=2, tell=told.append)
    assert told[-1] == "Stopped. 4 of 7 image(s) are done; --resume goes on with them."
    assert seen == [2, 1]  # and the broken one
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(model.predictor, "predict", lambda samples: counted(samples, killed_after=99))
    resumed = predict_images(
        model, images, tmp_path / "cut", resume=True, progress=lambda *each: done.append(each)
    )
    assert sum(seen) == 6
    assert done[-1][0] == done[-1][1] < 7
    assert (tmp_path / "cut" / FILE_NAME).read_bytes() == (tmp_path / "whole" / FILE_NAME).read_bytes()
    assert resumed.skipped == undisturbed.skipped
    again = predict_images(model, images, tmp_path / "cut", resume=True)
    assert sum(seen) == 6
    assert again.done_before == 7
    remove_kept(tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_a_broken_image_costs_one_line_and_is_named(model, images: list[ImageRecord], tmp_path: Path) -> None:
    images = [*images, ImageRecord(image_id="none", name="none.png")]
    lines: list[str] = []
    found = predict_images(model, images, tmp_path / "kept", tell=lines.append)
    assert [line.partition(": ")[0] for line in sorted(lines)] == ["3", "none"]
    assert "truncated" in found.skipped["3"]
    assert found.skipped["none"] == "there is no image file"
    assert [image.image_id for image, _ in found.entries()] == ["0", "1", "2", "4", "5", "6"]
    assert len(found.entries(skipped=True)) == 8


def test_the_list_gives_what_the_api_gives_and_draws_it(
    model, images: list[ImageRecord], tmp_path: Path
) -> None:
    found = predict_images(model, images[:2], tmp_path / "kept")
    for image, place in found.entries():
        assert image.file is not None
        record = found.load((image, place))
        assert record.semantic is not None
        assert (record.semantic == model.predict(image.file).mask).all()
    draw_overlays(found, tmp_path / "seen")
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == ["0.jpg", "1.jpg"]
    assert np.array_equal(model.predict(images[0].file).image.shape, (64, 64, 3))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_may_not_be_read_costs_a_line_and_is_no_full_disk(
    model, images: list[ImageRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    read: Callable = model.pictures.of_file

    def of_file(file: Path) -> dict:
        if file.name == "1.png":
            raise PermissionError(13, "Permission denied")
        return read(file)

    monkeypatch.setattr(model.pictures, "of_file", of_file)
    told: list[str] = []
    found = predict_images(model, images[:3], tmp_path / "kept", workers=workers, tell=told.append)
    assert found.skipped == {"1": "cannot be read: Permission denied"}
    assert told == ["1: cannot be read: Permission denied"]


def test_an_image_whose_disk_was_gone_is_predicted_when_it_is_back(
    model, images: list[ImageRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Callable = model.pictures.of_file

    def of_file(file: Path) -> dict:
        if file.name == "1.png":
            file.rename(tmp_path / "gone")
        return read(file)

    monkeypatch.setattr(model.pictures, "of_file", of_file)
    found = predict_images(model, images[:3], tmp_path / "kept", workers=0)
    assert found.skipped == {"1": "No such file or directory"}
    (tmp_path / "gone").rename(tmp_path / "1.png")
    monkeypatch.setattr(model.pictures, "of_file", read)
    again = predict_images(model, images[:3], tmp_path / "kept", resume=True)
    assert not again.skipped
    assert again.done_before == 1


def test_a_full_disk_is_told_in_words(
    model, images: list[ImageRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Kept(Path("/dev/full"), {}, _stream=Path("/dev/full").open("ab"))  # noqa: SIM115 - it closes it
    monkeypatch.setattr(Kept, "open", lambda *args, **options: full)
    with pytest.raises(UserError, match=r"(?s)No space left.*--resume"):
        predict_images(model, images, tmp_path)
