"""What is in CVAT is replaced only as far as nobody worked on it, and what was replaced is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_converters import cvat_loop
from segloop.cvat.faults import CvatError
from segloop.cvat.server import Server
from segloop.data.annotations import Instance, LabelledImages
from segloop.utils.errors import UserError
from tests.cvat.loops import draw, pull_all, push
from tests.cvat.sets import LABELS, box, image, set_of
from tests.cvat.standin.server import StandIn
from tests.cvat.standin.wire import Fault


@pytest.fixture
def small(tmp_path: Path) -> LabelledImages:
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    return set_of([image(tmp_path / "img", f"{name}.png", [ship]) for name in "abc"], LABELS)


def test_work_of_people_is_not_replaced_unless_asked_for_and_then_backed_up(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["a"])
    (number,) = stand_in.state.tasks
    draw(stand_in.state, number, 0, "R&D", "rectangle", [1, 1, 9, 9])
    news = set_of([replace(each, instances=()) for each in small], LABELS)
    assert len(push(server, tmp_path / "loop", news, ["a"]).refused) == 1
    assert len(stand_in.state.tasks[number].shapes) == 2
    push(server, tmp_path / "loop", news, ["a"], replace=True)
    assert stand_in.state.tasks[number].shapes == []
    backups = sorted((tmp_path / "loop" / "tasks" / "truth-001").glob("backup-*.zip"))
    assert [len(next(iter(cvat_loop.read(each))).instances) for each in backups][-1] == 2


@pytest.mark.parametrize("before", [(), (Instance(label="0", shape=box(1, 1, 5, 5)),)])
def test_a_job_that_is_done_without_a_change_is_work_too(
    before: tuple[Instance, ...], server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    first = set_of([replace(each, instances=before) for each in small], LABELS)
    push(server, tmp_path / "loop", first, ["a"])
    (task,) = stand_in.state.tasks.values()
    task.jobs[0].state = "completed"
    news = set_of(
        [replace(each, instances=(Instance(label="0", shape=box(9, 9, 15, 15)),)) for each in small], LABELS
    )
    assert len(push(server, tmp_path / "loop", news, ["a"]).refused) == 1
    assert len(task.shapes) == len(before)
    assert len(push(server, tmp_path / "loop", news, ["a"], replace=True).done) == 1


def test_that_all_was_removed_is_work_too(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["a"])
    (task,) = stand_in.state.tasks.values()
    task.shapes.clear()
    news = set_of(
        [replace(each, instances=(Instance(label="0", shape=box(9, 9, 15, 15)),)) for each in small], LABELS
    )
    assert len(push(server, tmp_path / "loop", news, ["a"]).refused) == 1
    assert task.shapes == []


def test_a_backup_takes_no_other_ones_place(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    folder = tmp_path / "loop" / "tasks" / "truth-001"
    push(server, tmp_path / "loop", small, ["a"])
    for place in (9, 19, 29):
        moved = Instance(label="0", shape=box(place, 9, place + 5, 15))
        news = set_of([replace(each, instances=(moved,)) for each in small], LABELS)
        push(server, tmp_path / "loop", news, ["a"], replace=True)
        if place == 19:
            (folder / "backup-001.zip").unlink()
    names = [each.name for each in sorted(folder.glob("backup-*"))]
    assert names == ["backup-002.zip", "backup-003.zip"]


def test_labels_of_a_task_are_replaced_though_a_frame_was_deleted(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small)
    (task,) = stand_in.state.tasks.values()
    task.deleted_frames = [1]
    assert len(push(server, tmp_path / "loop", small).untouched) == 1
    draw(stand_in.state, task.id, 0, "R&D", "rectangle", [1, 1, 9, 9])
    moved = [replace(each, instances=(Instance(label="0", shape=box(9, 9, 15, 15)),)) for each in small]
    news = set_of(moved, LABELS)
    assert len(push(server, tmp_path / "loop", news).refused) == 1
    assert len(push(server, tmp_path / "loop", news, replace=True).done) == 1
    assert (len(task.shapes), task.deleted_frames) == (3, [1])


def push_half(server: Server, stand_in: StandIn, loop: Path, images: LabelledImages) -> None:
    """Push `a`, and be refused once its labels are in CVAT and before they are compared."""
    stand_in.plan = lambda number, method, path: Fault(status=403) if "export" in path else None
    with pytest.raises(CvatError, match="export task"):
        push(server, loop, images, ["a"])
    stand_in.plan = lambda number, method, path: None


def test_work_of_people_is_not_replaced_by_a_push_that_goes_on_either(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push_half(server, stand_in, tmp_path / "loop", small)
    (task,) = stand_in.state.tasks.values()
    draw(stand_in.state, task.id, 0, "R&D", "rectangle", [1, 1, 9, 9])
    pushed = push(server, tmp_path / "loop", small, ["a"])
    assert (len(pushed.refused), pushed.done, len(task.shapes)) == (1, [], 2)
    assert len(push(server, tmp_path / "loop", small, ["a"], replace=True).done) == 1
    assert len(task.shapes) == 1


def test_a_push_that_goes_on_with_other_labels_replaces_its_own(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push_half(server, stand_in, tmp_path / "loop", small)
    news = set_of([replace(each, instances=()) for each in small], LABELS)
    assert len(push(server, tmp_path / "loop", news, ["a"]).done) == 1
    assert [task.shapes for task in stand_in.state.tasks.values()] == [[]]
    assert not list((tmp_path / "loop").rglob("given-*"))


def test_new_labels_that_were_not_compared_are_nobodys_changes(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small)
    moved = [replace(each, instances=(Instance(label="0", shape=box(9, 9, 15, 15)),)) for each in small]
    news = set_of(moved, LABELS)
    exports = iter(range(9))
    stand_in.plan = lambda number, method, path: (
        Fault(status=403) if path.endswith("export") and next(exports) == 1 else None
    )
    with pytest.raises(CvatError, match="export task"):
        push(server, tmp_path / "loop", news)
    stand_in.plan = lambda number, method, path: None
    with pytest.raises(UserError, match="pushed to the end"):
        pull_all(server, tmp_path / "loop")
    assert len(push(server, tmp_path / "loop", news).done) == 1
    assert not pull_all(server, tmp_path / "loop").changes


def test_new_labels_that_never_arrived_are_sent_again(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small)
    news = set_of([replace(each, instances=()) for each in small], LABELS)
    stand_in.plan = lambda number, method, path: (
        Fault(status=403) if method == "POST" and "annotations" in path else None
    )
    with pytest.raises(CvatError, match="bring labels"):
        push(server, tmp_path / "loop", news)
    stand_in.plan = lambda number, method, path: None
    assert len(push(server, tmp_path / "loop", news).done) == 1
