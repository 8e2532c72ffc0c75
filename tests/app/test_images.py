"""The table of a RUN's images: scores, orders, filters, and who is in which cell of the confusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segloop.analysis.analysis_folder import write_analysis
from segloop.analysis.analyze import analyze
from segloop.analysis.instance_analysis import analyze_instances
from segloop.analysis.instances import Instances
from segloop.analysis.runs import Run
from segloop.app.images import ImageTable, Query, in_cell, read_table, select
from segloop.data.masks import encode
from segloop.utils.errors import UserError
from tests.analysis.instance_runs_made import write_instance_run
from tests.analysis.runs_made import write_run


def mask(*rows: str) -> np.ndarray:
    return np.array([[int(value) for value in row] for row in rows], np.uint8)


IMAGES = {
    "good": (mask("1100", "0000"), mask("1100", "0000")),
    "half": (mask("1111", "0022"), mask("1100", "0022")),
    "mixed": (mask("2222", "0000"), mask("1122", "0000")),
    "empty": (mask("0000", "0000"), mask("0000", "0000")),
    "unlabelled": (None, mask("0000", "0000")),
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path, IMAGES)


@pytest.fixture
def table(run: Run) -> ImageTable:
    return read_table(run)


def ids(table: ImageTable, query: Query) -> list[str]:
    return [table.ids[place] for place in select(table, query).tolist()]


def test_orders_put_images_without_a_score_last(table: ImageTable) -> None:
    assert ids(table, Query())[-1] == "empty"
    assert ids(table, Query(order="best"))[0] == "good"
    assert ids(table, Query(order="name")) == ["empty", "good", "half", "mixed"]


def test_a_class_is_in_truth_or_prediction_and_ranks_by_its_own_score(table: ImageTable) -> None:
    assert ids(table, Query(classes=("disc",))) == ["mixed", "half", "good"]  # only invented, half, whole
    assert ids(table, Query(classes=("bar",), order="best")) == ["half", "mixed"]


def test_scores_are_of_the_image_or_of_the_one_class(table: ImageTable) -> None:
    assert ids(table, Query(scores=(0.99, 1.0))) == ["good"]
    assert ids(table, Query(classes=("bar",), scores=(0.99, 1.0))) == ["half"]


def test_sizes_are_pixels_of_what_is_to_be_found(table: ImageTable) -> None:
    assert ids(table, Query(order="name", pixels=(4, None))) == ["half", "mixed"]
    assert ids(table, Query(order="name", pixels=(None, 2))) == ["good", "half"]
    assert ids(table, Query(order="name", classes=("bar",), pixels=(3, 9))) == ["mixed"]


def test_a_cell_opens_its_images_those_with_most_first(table: ImageTable) -> None:
    assert ids(table, Query(cell=("bar", "disc"))) == ["mixed"]
    assert ids(table, Query(cell=("disc", "disc"))) == ["good", "half"]
    assert in_cell(table, "disc", "ground").tolist() == [2 if each == "half" else 0 for each in table.ids]
    assert int(table.confusion().sum()) == 32


def test_names_are_found_whatever_the_case(table: ImageTable) -> None:
    assert ids(table, Query(text="MIX")) == ["mixed"]


def test_the_confusion_and_the_scores_are_those_of_the_run(run: Run, table: ImageTable) -> None:
    assert np.array_equal(table.confusion(), run.confusion.total())
    assert "suspected" not in table.orders()


def test_an_analysis_adds_what_it_knows(run: Run) -> None:
    write_analysis(analyze(run, repeats=100, workers=1))
    table = read_table(run)
    assert {"suspected", "costly"} <= set(table.orders())
    assert ids(table, Query(order="costly"))[0] in ("half", "mixed")


def test_a_run_without_any_truth_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a": (None, mask("00"))})
    with pytest.raises(UserError, match="none of its images has labels"):
        read_table(run)


def box(left: int, right: int) -> np.ndarray:
    drawn = np.zeros((8, 32), bool)
    drawn[2:6, left:right] = True
    return drawn


def objects(*found: tuple[int, int, int, float]) -> Instances:
    return Instances(
        runs=[encode(box(left, right)) for left, right, _, _ in found],
        labels=np.array([label for *_, label, _ in found], np.int64),
        scores=np.array([score for *_, score in found], np.float64),
        size_hw=(8, 32),
    )


@pytest.fixture
def instance_run(tmp_path: Path) -> Run:
    return write_instance_run(
        tmp_path,
        {
            "right": (objects((0, 8, 0, 1.0)), objects((0, 8, 0, 0.9))),
            "named": (objects((0, 8, 0, 1.0)), objects((0, 8, 1, 0.8))),
            "lost": (objects((0, 8, 0, 1.0), (16, 18, 1, 1.0)), objects((0, 8, 0, 0.9))),
        },
    )


def test_objects_are_counted_as_the_analysis_counts_them(instance_run: Run) -> None:
    table = read_table(instance_run)
    analysis = analyze_instances(instance_run, repeats=100, workers=1)
    assert table.confusion().tolist() == analysis.numbers["confusion"]
    assert table.score.tolist() == analysis.images["quality"]
    assert np.array_equal(
        table.class_scores[:, 1], np.array(analysis.images["quality.bar"], np.float64), equal_nan=True
    )
    assert table.ranks["surprise"].tolist() == analysis.images["surprise"]


def test_objects_are_asked_for_by_cell_and_size(instance_run: Run) -> None:
    table = read_table(instance_run)
    assert ids(table, Query(cell=("disc", "bar"))) == ["named"]
    assert ids(table, Query(cell=("bar", "nothing"))) == ["lost"]
    assert ids(table, Query(pixels=(None, 10))) == ["lost"]


def test_a_class_called_nothing_is_not_what_was_lost(tmp_path: Path) -> None:
    images = {
        "lost": (objects((0, 8, 0, 1.0)), objects()),
        "named": (objects((0, 8, 0, 1.0)), objects((0, 8, 1, 0.9))),
    }
    table = read_table(write_instance_run(tmp_path, images, names=("disc", "nothing")))
    assert table.cell_names == ["disc", "nothing", "(nothing)"]
    assert ids(table, Query(cell=("disc", "nothing"))) == ["named"]
    assert ids(table, Query(cell=("disc", "(nothing)"))) == ["lost"]


def test_what_was_read_of_objects_is_kept_and_a_damaged_file_read_again(
    instance_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_table(instance_run, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(Run, "matches", lambda self: pytest.fail("read again"))
        again = read_table(instance_run, cache=tmp_path / "cache")
    assert again.ids == first.ids
    assert np.array_equal(again.cells, first.cells)
    assert [each.tolist() for each in again.kinds.values()] == [
        each.tolist() for each in first.kinds.values()
    ]
    content = file.read_bytes()
    place = content.index(b"ids.npy") + len(b"ids.npy") + 20  # of zip64, and then the compressed bytes
    for damaged in (b"PK", content[:place] + b"\xff" + content[place + 1 :]):
        file.write_bytes(damaged)
        assert read_table(instance_run, cache=tmp_path / "cache").ids == first.ids
