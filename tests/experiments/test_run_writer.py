"""The tables of a RUN: one image at a time, sorted, exact, and the same bytes at any time of day."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from segloop.experiments import run_writer
from segloop.experiments.run_writer import ConfidenceTable, ImageRow, Spool, SpooledImages
from segloop.utils.errors import DataError


def test_what_killed_tests_left_is_cleared_away(tmp_path, monkeypatch):
    folder = tmp_path / "test" / "a"
    left = tmp_path / "test" / ".a.partial-1"
    left.mkdir(parents=True)
    (left / "records-0.jsonl").write_text("{}")
    run_writer.open_partial(folder)
    assert left.exists()  # it may be at work
    monkeypatch.setattr(run_writer, "STALE_S", -1.0)
    run_writer.open_partial(folder)
    assert not left.exists()


def test_killed_between_the_two_renames(tmp_path):
    folder = tmp_path / "test" / "a"
    old = tmp_path / "test" / ".a.old-1"
    old.mkdir(parents=True)
    (old / "meta.json").write_text("{}")
    run_writer.open_partial(folder)
    assert (folder / "meta.json").exists()


def test_shares_of_several_processes_come_sorted(tmp_path):
    rows = [ImageRow(f"{i:02}", f"{i:02}.png", "", 1, 1, "", "") for i in range(7)]
    for rank in range(2):
        spool = Spool(tmp_path / f"records-{rank}.jsonl")
        for row in reversed(rows[rank::2]):
            assert spool.is_new(row)
            assert not spool.is_new(row)
            spool.append(row, {"rank": rank})
    images = SpooledImages(tmp_path.glob("records-*.jsonl"))
    assert len(images) == 7
    assert [(row.image_id, data["rank"]) for row, data in images] == [(f"{i:02}", i % 2) for i in range(7)]


def test_two_images_of_one_id_in_two_shares(tmp_path):
    for rank, image in enumerate(("a/1.png", "a/1.jpg")):
        Spool(tmp_path / f"records-{rank}.jsonl").append(ImageRow("a/1", image, "", 1, 1, "", ""), {})
    with pytest.raises(DataError, match=r"a/1\.png and a/1\.jpg would be the same image"):
        SpooledImages(tmp_path.glob("records-*.jsonl"))


def test_semantic_tables_worked_by_hand(tmp_path):
    spool = Spool(tmp_path / "records-0.jsonl")
    # truth, pred, count: 5 right background, 1 background called disc, 3 right disc
    spool.append(ImageRow("b", "b.png", "b.png", 3, 3, "", ""), {"pairs": [[0, 0, 1], [0, 1, 1], [5, 1, 3]]})
    spool.append(ImageRow("a", "a.png", "a.png", 1, 1, "", ""), {"pairs": [[1], [0], [1]]})
    spool.append(ImageRow("c", "c.png", "", 1, 1, "", ""), {"pairs": None})
    tables = run_writer.write_semantic_tables(
        tmp_path, SpooledImages([spool.path]), class_names=["background", "disc", "star"], background=0
    )
    with gzip.open(tmp_path / "per_image.csv.gz", "rt") as file:
        assert file.read().splitlines()[1:] == [
            "a,0,background,0,1,0",
            "a,1,disc,0,0,1",
            "b,0,background,5,0,1",
            "b,1,disc,3,1,0",
        ]
    assert (tables["images"], tables["pixels"]) == (2, 10)
    assert tables["scores"]["Dice.disc"] == pytest.approx(6 / 8)
    assert tables["scores"]["Dice.star"] is None
    assert tables["image_means"]["Dice.disc"] == pytest.approx((0 + 6 / 7) / 2)


def test_confidence_worked_by_hand(tmp_path):
    table = ConfidenceTable(num_classes=2, threshold=0.9)
    pred, right = np.array([0, 0, 1, 1]), np.array([True, False, True, False])
    sums = table.add(pred, right, np.array([0.305, 0.95, 1.0, 0.9], np.float32), loss_sum=3.5)
    assert sums["wrong_confidence_sum"] == pytest.approx(1.85)
    assert (sums["pixels"], sums["wrong"], sums["confident"], sums["confident_wrong"]) == (4, 2, 3, 2)
    table.save_part(tmp_path / "part-0.npz")
    table.save_part(tmp_path / "part-1.npz")  # as if a second process had seen the same
    spool = Spool(tmp_path / "records-0.jsonl")
    spool.append(ImageRow("a", "a.png", "", 2, 2, "", ""), {"confidence": sums})
    table.write(tmp_path / "confidence.npz", SpooledImages([spool.path]), tmp_path.glob("part-*.npz"))
    with np.load(tmp_path / "confidence.npz") as arrays:
        assert arrays["counts"].sum() == 8
        assert arrays["counts"][0, 1, 30] == 2
        assert arrays["counts"][1, 1, 99] == 2  # a confidence of 1 lies in the last bin
        assert arrays["confidence_sum"][0, 0, 95] == pytest.approx(1.9)
        assert arrays["confident_wrong"].tolist() == [2]
        assert arrays["loss_sum"].tolist() == [3.5]
        assert len(arrays["edges"]) == 101


def peak_memory(folder, number_of_images):
    folder.mkdir()
    spool = Spool(folder / "records-0.jsonl")
    for number in range(number_of_images):
        row = ImageRow(f"{number:04}", "i.png", "t.png", 512, 512, "a" * 64, "b" * 64)
        spool.append(row, {"pairs": [[0] * 300, [1] * 300, [12345] * 300]})
    tracemalloc.start()
    try:
        images = SpooledImages([spool.path])
        run_writer.write_images(folder / "images.csv", images)
        run_writer.write_semantic_tables(folder, images, class_names=["a", "b"], background=None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_stays_flat(tmp_path):
    peak_memory(tmp_path / "warm-up", 5)
    few, many = peak_memory(tmp_path / "few", 20), peak_memory(tmp_path / "many", 120)
    assert many - few < 0.5e6  # held as Python objects, a hundred records more are 1 MB
