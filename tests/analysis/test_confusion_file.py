"""confusion.npz: what was written comes back, image by image and summed; the bytes know no clock."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.confusion_file import ConfusionFile, ConfusionWriter, sparse
from segloop.utils.errors import FormatError


def write(path, matrices, num_classes):
    writer = ConfusionWriter(path, num_classes=num_classes)
    for image_id, matrix in matrices.items():
        writer.add(image_id, *sparse(matrix))
    writer.close()
    return path


@pytest.fixture
def matrices():
    draw = np.random.default_rng(0)
    return {f"a/{i}": draw.integers(0, 3, (4, 4)) * draw.integers(0, 2**40) for i in range(7)} | {
        "empty": np.zeros((4, 4), np.int64)
    }


def test_images_come_back(tmp_path, matrices):
    file = ConfusionFile(write(tmp_path / "confusion.npz", matrices, 4))
    assert len(file) == 8
    assert {image.image_id: image.dense(4).tolist() for image in file} == {
        name: matrix.tolist() for name, matrix in matrices.items()
    }
    assert np.array_equal(file.total(), sum(matrices.values()))
    assert np.array_equal(file.total(["a/1", "a/3"]), matrices["a/1"] + matrices["a/3"])


def test_numpy_reads_it_and_nothing_is_left_beside_it(tmp_path, matrices):
    path = write(tmp_path / "confusion.npz", matrices, 4)
    with np.load(path) as arrays:
        assert sorted(arrays) == ["count", "ends", "image_ids", "num_classes", "pred", "truth"]
        assert arrays["count"].sum() == sum(matrix.sum() for matrix in matrices.values())
    assert [item.name for item in tmp_path.iterdir()] == ["confusion.npz"]


def test_the_same_counts_are_the_same_bytes(tmp_path, matrices):
    one = write(tmp_path / "one.npz", matrices, 4).read_bytes()
    assert one == write(tmp_path / "two.npz", matrices, 4).read_bytes()


def test_a_run_without_images(tmp_path):
    file = ConfusionFile(write(tmp_path / "confusion.npz", {}, 3))
    assert list(file) == []
    assert file.total().tolist() == [[0, 0, 0]] * 3


def test_a_missing_and_a_damaged_file(tmp_path):
    with pytest.raises(FormatError, match="missing"):
        ConfusionFile(tmp_path / "confusion.npz")
    (tmp_path / "confusion.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(FormatError, match="not a confusion file"):
        ConfusionFile(tmp_path / "confusion.npz")


def test_a_byte_that_was_changed_anywhere_is_told_or_changes_nothing(tmp_path, matrices):
    path = write(tmp_path / "confusion.npz", matrices, 4)
    content, wanted = path.read_bytes(), sum(matrices.values())
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            found = ConfusionFile(path).total()
        except FormatError:
            continue
        assert np.array_equal(found, wanted), place


def test_classes_that_there_are_not_and_damage_in_the_middle_are_refused(tmp_path, matrices):
    path = write(tmp_path / "confusion.npz", matrices, 4)
    with np.load(path) as arrays:
        parts = dict(arrays)
    np.savez(path, **{**parts, "pred": parts["pred"] + 9})
    with pytest.raises(FormatError, match="a class is not below 4"):
        ConfusionFile(path).total()
    file = ConfusionFile(write(path, matrices, 4))
    content = path.read_bytes()
    place = content.index(b"count.npy") + 200
    path.write_bytes(content[:place] + b"\xff" * 40 + content[place + 40 :])
    with pytest.raises(FormatError, match="not a confusion file"):
        file.total()
    with pytest.raises(FormatError, match="not a confusion file"):
        list(file)
