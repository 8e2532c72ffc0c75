"""What comes back is what people left there: untouched objects exactly, and everything that they did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from segloop.cvat.faults import CvatError
from segloop.cvat.manifest import read_manifest
from segloop.cvat.packages import plan_packages
from segloop.cvat.pull import Pulled
from segloop.cvat.server import Server
from segloop.cvat.status import status_lines
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelledImages, LabelSet, Opaque
from segloop.data.annotations import Label as Known
from segloop.data.drawing import index_map
from segloop.data.masks import area
from segloop.utils.errors import UserError
from tests.cvat.loops import draw, pull_all, push
from tests.cvat.sets import LABELS, SIZE, box, exact, hard_set, image, set_of
from tests.cvat.standin.server import StandIn
from tests.cvat.standin.state import Label, Task
from tests.cvat.standin.wire import Fault


@pytest.fixture
def small(tmp_path: Path) -> LabelledImages:
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    return set_of([image(tmp_path / "img", f"{name}.png", [ship]) for name in "abc"], LABELS)


@pytest.fixture
def loop(server: Server, tmp_path: Path, small: LabelledImages) -> Path:
    push(server, tmp_path / "loop", small)
    return tmp_path / "loop"


def only_task(stand_in: StandIn) -> Task:
    (task,) = stand_in.state.tasks.values()
    return task


def images_of(pulled: Pulled) -> dict[str, ImageRecord]:
    return {each.record.image_id: each.record for each in pulled.images}


def test_what_nobody_touched_comes_back_exactly(server: Server, stand_in: StandIn, tmp_path: Path) -> None:
    images = hard_set(tmp_path)
    push(server, tmp_path / "loop", images, chunk=5)
    pulled = pull_all(server, tmp_path / "loop")
    plan = plan_packages(images)
    assert not pulled.changes
    assert pulled.labels == LABELS
    assert not any(path.endswith("/data") for method, path in stand_in.calls if method == "GET")
    for each, frame in zip(pulled.images, plan.frames, strict=True):
        went = plan.objects(frame)
        assert list(map(exact, each.record.instances)) == list(map(exact, went.instances))
        assert (each.record.image_id, each.record.tags) == (went.image_id, went.tags)
    semantic = images_of(pulled)["semantic"]
    assert np.array_equal(index_map(semantic, LABELS)[0], images.load(3).semantic)
    maps = {each.image_id: each.semantic for each in pulled.as_set(maps=True)}
    assert np.array_equal(maps["semantic"], images.load(3).semantic)
    assert maps["a/1"] is None


def test_texts_with_blanks_at_their_ends_and_line_ends_of_windows_are_those_that_went(
    server: Server, tmp_path: Path
) -> None:
    noted = Instance(label="лодка", shape=box(1, 1, 5, 5), attributes={"note": " torn\r\nsail \n"})
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", [noted])], LABELS))
    (back,) = pull_all(server, tmp_path / "loop").images
    assert not back.changes
    assert [each.attributes for each in back.record.instances] == [noted.attributes]


def test_copies_that_have_one_identity_go_and_come_back(server: Server, tmp_path: Path) -> None:
    ship = Instance(label="0", shape=box(1, 1, 5, 5), uid="u")
    copy = replace(ship, shape=box(10, 10, 20, 20))
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", [ship, copy])], LABELS))
    (back,) = pull_all(server, tmp_path / "loop").images
    assert not back.changes
    first, second = back.record.instances
    assert exact(first) == exact(ship)
    assert exact(second) == exact(replace(copy, uid=second.uid))
    assert second.uid not in (None, "u")


def test_what_cvat_has_no_place_for_stays_and_the_objects_around_it_keep_their_order(
    server: Server, stand_in: StandIn, tmp_path: Path
) -> None:
    parts = [{"kind": "points", "values": {"label": "bow"}, "attributes": {}, "points": [[3.0, 4.0]]}]
    homely = [
        Instance(label="0", shape=Opaque("keypoints", {"keypoints": [1, 2, 2]}), uid="k"),
        Instance(label="big ship", shape=Opaque("skeleton", {"elements": parts}), uid="s"),
    ]
    ships = [Instance(label="0", shape=box(row, 1, row + 3, 5), uid=f"{row}") for row in (1, 9)]
    went = [ships[0], *homely, ships[1]]
    said: list[str] = []
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", went)], LABELS), say=said)
    assert said == ["CVAT cannot hold 2 x opaque, for example a: 0, keypoints."]
    draw(stand_in.state, only_task(stand_in).id, 0, "R&D", "rectangle", [20, 20, 29, 29])
    (back,) = pull_all(server, tmp_path / "loop").images
    assert str(back.changes) == "1 added, 0 removed, 0 changed in 1 image(s)"
    assert list(map(exact, back.record.instances[:4])) == list(map(exact, went))
    assert [each.label for each in back.record.instances[4:]] == ["R&D"]


def test_what_people_draw_with_any_tool_comes_back(server: Server, stand_in: StandIn, loop: Path) -> None:
    number = only_task(stand_in).id
    draw(stand_in.state, number, 1, "R&D", "polygon", [1, 1, 9, 1, 9, 9], z_order=1)
    draw(stand_in.state, number, 1, "R&D", "ellipse", [20, 20, 25, 17])
    draw(stand_in.state, number, 1, "R&D", "rectangle", [30, 30, 40, 40], rotation=30.0)
    draw(stand_in.state, number, 1, "R&D", "mask", [0, 3, 1, 2, 10, 10, 11, 12])
    pulled = pull_all(server, loop)
    found = images_of(pulled)["b"].instances
    kinds = {
        each.shape.kind if isinstance(each.shape, Opaque) else type(each.shape).__name__ for each in found[1:]
    }
    assert kinds == {"Polygon", "ellipse", "rotated-box", "Bitmap"}
    assert all(each.attributes == {} and each.uid is None and each.score is None for each in found[1:])
    assert str(pulled.changes) == "4 added, 0 removed, 0 changed in 1 image(s)"


def test_what_is_drawn_with_any_tool_is_in_the_index_map_and_counts_where_it_was_ignored(
    server: Server, stand_in: StandIn, tmp_path: Path
) -> None:
    ignored = np.full((48, 64), 255, np.uint8)
    images = set_of([image(tmp_path, "a.png", semantic=ignored)], LABELS)
    push(server, tmp_path / "loop", images)
    number = only_task(stand_in).id
    for place, kind in enumerate(("polygon", "rectangle", "ellipse")):
        left = 2.0 + 20 * place
        points = {
            "polygon": [left, 4, left + 10, 4, left + 10, 14, left, 14],
            "rectangle": [left, 4, left + 10, 14],
            "ellipse": [left + 5, 9, left + 10, 4],
        }[kind]
        draw(stand_in.state, number, 0, "R&D", kind, points, z_order=9)
    draw(stand_in.state, number, 0, "0", "rectangle", [2, 24, 12, 34], z_order=9, rotation=45.0)
    (back,) = pull_all(server, tmp_path / "loop").as_set(maps=True)
    assert back.semantic is not None
    middles = [back.semantic[9, 7], back.semantic[9, 27], back.semantic[9, 47], back.semantic[29, 7]]
    assert middles == [4, 4, 4, 1]
    counts = [int((back.semantic == value).sum()) for value in (4, 1)]
    assert 270 <= counts[0] <= 290  # two squares and a disc
    assert 90 <= counts[1] <= 110
    assert (back.semantic[40:] == 255).all()


def test_objects_that_cannot_be_drawn_are_told_together(
    server: Server, stand_in: StandIn, loop: Path
) -> None:
    number = only_task(stand_in).id
    draw(stand_in.state, number, 0, "R&D", "rectangle", [10, 10, 10, 19])  # as a detector makes them
    draw(stand_in.state, number, 2, "R&D", "polygon", [70, 10, 80, 19, 90, 12])
    with pytest.raises(CvatError, match=rf"2 image\(s\) of truth-001, task {number}.* in CVAT") as error:
        pull_all(server, loop)
    assert all(word in str(error.value) for word in ("a: ", "has no area", "c: ", "outside the image"))


def test_labels_may_be_renamed_recoloured_and_added(server: Server, stand_in: StandIn, loop: Path) -> None:
    (project,) = stand_in.state.projects.values()
    project.labels[0].name, project.labels[1].color = "dinghy", "#010203"
    project.labels.append(Label(stand_in.state.new_id(), "buoy", "#0a0b0c", "any", []))
    draw(stand_in.state, only_task(stand_in).id, 0, "buoy", "rectangle", [1, 1, 9, 9])
    pulled = pull_all(server, loop)
    assert pulled.labels.names == ("background", "dinghy", "big ship", "лодка", "R&D", "buoy")
    assert (pulled.labels.background, pulled.labels.labels[2].color) == (0, (1, 2, 3))
    assert pulled.labels.labels[5].color == (10, 11, 12)
    assert pulled.labels.labels[1].attributes == LABELS.labels[1].attributes
    assert [each.label for each in images_of(pulled)["a"].instances] == ["dinghy", "buoy"]
    assert [str(each.changes) for each in pulled.images][1:] == ["no change", "no change"]
    assert len(pulled.told) == 3
    project.labels[0].name = "background"
    with pytest.raises(CvatError, match="rename one"):
        pull_all(server, loop)


def test_a_new_label_may_have_the_name_that_a_renamed_one_had(
    server: Server, stand_in: StandIn, loop: Path
) -> None:
    (project,) = stand_in.state.projects.values()
    project.labels[0].name = "dinghy"
    project.labels.append(Label(stand_in.state.new_id(), "0", "#0a0b0c", "any", []))
    draw(stand_in.state, only_task(stand_in).id, 0, "0", "rectangle", [10, 10, 19, 19])
    pulled = pull_all(server, loop)
    assert pulled.labels.names == ("background", "dinghy", "big ship", "лодка", "R&D", "0")
    assert [each.label for each in images_of(pulled)["a"].instances] == ["dinghy", "0"]
    assert str(pulled.changes) == "1 added, 0 removed, 0 changed in 1 image(s)"


def test_a_label_may_be_removed_and_made_again(server: Server, stand_in: StandIn, loop: Path) -> None:
    (project,) = stand_in.state.projects.values()
    old = project.labels.pop(0)
    project.labels.append(Label(stand_in.state.new_id(), old.name, old.color, "any", old.attributes))
    draw(stand_in.state, only_task(stand_in).id, 0, old.name, "rectangle", [1, 1, 9, 9])
    pulled = pull_all(server, loop)
    assert pulled.labels == LABELS
    assert ["made again" in told for told in pulled.told] == [True]
    assert [each.label for each in images_of(pulled)["a"].instances] == [old.name]
    assert str(pulled.changes) == "1 added, 3 removed, 0 changed in 3 image(s)"


def test_deleted_frames_and_unfinished_jobs_stay_out_and_are_named(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, job_size=1)
    task = only_task(stand_in)
    assert len(task.jobs) == 3
    task.deleted_frames = [1]
    task.jobs[0].state, task.jobs[0].assignee = "completed", "anna"
    task.jobs[1].state = "completed"
    pulled = pull_all(server, tmp_path / "loop", everything=False)
    assert (list(images_of(pulled)), pulled.deleted, pulled.waiting) == (["a"], ["b"], ["c"])
    pulled.write_provenance(tmp_path / "pull.json")
    (known,) = json.loads((tmp_path / "pull.json").read_text(encoding="utf-8"))["images"]
    assert (known["assignee"], known["state"], known["looked_at"]) == ("anna", "completed", True)


def test_a_frame_that_is_deleted_while_labels_are_fetched_is_not_an_emptied_image(
    server: Server, stand_in: StandIn, loop: Path
) -> None:
    task = only_task(stand_in)

    def delete(number: int, method: str, path: str) -> None:
        if "export" in path:
            task.deleted_frames = [1]

    stand_in.plan = delete
    pulled = pull_all(server, loop)
    assert (list(images_of(pulled)), pulled.deleted, bool(pulled.changes)) == (["a", "c"], ["b"], False)


def test_of_a_job_that_somebody_is_at_what_was_changed_was_looked_at(
    server: Server, stand_in: StandIn, loop: Path, tmp_path: Path
) -> None:
    task = only_task(stand_in)
    task.jobs[0].state = "in progress"
    draw(stand_in.state, task.id, 0, "R&D", "rectangle", [1, 1, 9, 9])
    pull_all(server, loop).write_provenance(tmp_path / "pull.json")
    told = json.loads((tmp_path / "pull.json").read_text(encoding="utf-8"))["images"]
    assert [each["looked_at"] for each in told] == [True, False, False]


def test_a_frame_in_two_tasks_comes_back_from_each(
    server: Server, tmp_path: Path, small: LabelledImages
) -> None:
    found = [
        replace(each, instances=(Instance(label="R&D", shape=box(2, 2, 9, 9), score=0.75),)) for each in small
    ]
    push(server, tmp_path / "loop", small, ["b"], predictions=set_of(found, LABELS))
    truth = images_of(pull_all(server, tmp_path / "loop"))["b"]
    predicted = images_of(pull_all(server, tmp_path / "loop", kind="predictions"))["b"]
    assert [each.label for each in truth.instances] == ["0"]
    assert [(each.label, each.score) for each in predicted.instances] == [("R&D", 0.75)]


def test_what_was_sent_comes_back_whatever_was_pushed_later(server: Server, tmp_path: Path) -> None:
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    noted = replace(ship, attributes={"free": "text"})  # declared by nobody
    plain = image(tmp_path / "img", "plain.png", [ship])
    rich = image(tmp_path / "img", "rich.png", [noted], ignore=box(20, 20, 30, 30))
    images = set_of([rich, plain], LABELS)
    push(server, tmp_path / "loop", images, ["rich"])
    push(server, tmp_path / "loop", images, ["plain"])
    found = [replace(rich, instances=(replace(ship, score=0.5),), ignore=None)]
    few = LabelSet(LABELS.labels[1:3])
    push(server, tmp_path / "loop", None, ["rich"], predictions=set_of(found, few))
    pulled = pull_all(server, tmp_path / "loop")
    assert (pulled.labels, bool(pulled.changes)) == (LABELS, False)
    back = images_of(pulled)["rich"]
    assert [each.attributes for each in back.instances] == [{"free": "text"}]
    assert back.ignore is not None
    assert np.array_equal(back.ignore.runs, box(20, 20, 30, 30).runs)
    (predicted,) = pull_all(server, tmp_path / "loop", kind="predictions").images
    assert [each.score for each in predicted.record.instances] == [0.5]


def test_a_push_that_is_refused_changes_nothing(server: Server, tmp_path: Path) -> None:
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    plain = image(tmp_path / "img", "plain.png", [ship])
    images = set_of([plain, image(tmp_path / "img", "rich.png", [ship], ignore=box(20, 20, 30, 30))], LABELS)
    push(server, tmp_path / "loop", images, ["plain"])
    with pytest.raises(CvatError, match="label 'ignore'"):
        push(server, tmp_path / "loop", images, ["rich"])
    assert len(push(server, tmp_path / "loop", images, ["plain"]).untouched) == 1


def test_outlines_that_nobody_touched_are_masks_again(
    server: Server, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, masks="polygon:1")
    (first, *_) = pull_all(server, tmp_path / "loop").images
    assert exact(first.record.instances[0])[0] == exact(small.load(0).instances[0])[0]


def test_a_set_that_comes_back_can_be_written(server: Server, loop: Path, tmp_path: Path) -> None:
    back = pull_all(server, loop).as_set()
    cvat_loop.write(back.labels, list(back), tmp_path / "back.xml")
    assert len(cvat_loop.read(tmp_path / "back.xml")) == 3


def test_tasks_that_were_not_pushed_to_the_end_are_told(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["a"])
    stand_in.plan = lambda number, method, path: Fault(status=403) if "export" in path else None
    with pytest.raises(CvatError, match="export task"):
        push(server, tmp_path / "loop", small, ["a", "b", "c"])
    stand_in.plan = lambda number, method, path: None
    pulled = pull_all(server, tmp_path / "loop")
    assert (list(images_of(pulled)), len(pulled.told)) == (["a"], 1)
    assert "truth-002 was not pushed to the end; its 2 image(s) are left out" in pulled.told[0]


def test_removed_tasks_are_told_and_nothing_pushed_is_an_error(
    server: Server, stand_in: StandIn, loop: Path
) -> None:
    with pytest.raises(UserError, match="no task of the kind"):
        pull_all(server, loop, kind="predictions")
    stand_in.state.tasks.clear()
    assert "not on the server any more" in pull_all(server, loop).told[0]


def test_status_tells_of_jobs_and_what_was_changed(server: Server, stand_in: StandIn, loop: Path) -> None:
    task = only_task(stand_in)
    task.jobs[0].assignee = "anna"
    draw(stand_in.state, task.id, 0, "R&D", "rectangle", [1, 1, 9, 9])
    manifest = read_manifest(loop)
    assert manifest is not None
    lines = list(status_lines(server, manifest, codec=cvat_loop))
    assert "3 image(s)" in lines[1]
    assert lines[2].endswith(
        "annotation new, anna, frames 0 to 2: 1 added, 0 removed, 0 changed in 1 image(s)"
    )
    assert ":" in list(status_lines(server, manifest, codec=cvat_loop, quick=True))[2]
    task.deleted_frames = [1]
    lines = list(status_lines(server, manifest, codec=cvat_loop))
    assert "3 image(s), 1 deleted" in lines[1]
    assert lines[2].endswith("1 added, 0 removed, 0 changed in 1 image(s)")


@pytest.mark.parametrize("points", [[0, 0, 0, 0], [0, 0, 0, 0, 0]])
def test_a_mask_without_a_pixel_stands_in_no_ones_way(
    server: Server, stand_in: StandIn, tmp_path: Path, points: list[float]
) -> None:
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png")], LABELS))
    (task,) = stand_in.state.tasks.values()
    draw(stand_in.state, task.id, 0, "0", "mask", points)
    (back,) = pull_all(server, tmp_path / "loop").images
    (found,) = back.record.instances
    assert isinstance(found.shape, Bitmap)
    assert (found.label, area(found.shape.runs)) == ("0", 0)


def test_a_new_label_does_not_get_the_number_of_ignored_pixels(
    server: Server, stand_in: StandIn, tmp_path: Path
) -> None:
    labels = LabelSet((Known("background"), Known("a")), background=0, ignore_index=2)
    semantic = np.zeros(SIZE, np.uint8)
    semantic[20:25] = 2
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", semantic=semantic)], labels))
    ((task,), (project,)) = stand_in.state.tasks.values(), stand_in.state.projects.values()
    project.labels.append(Label(stand_in.state.new_id(), "new", "#010203", "any", []))
    draw(stand_in.state, task.id, 0, "new", "mask", [0, 25, 40, 40, 44, 44])
    pulled = pull_all(server, tmp_path / "loop")
    (back,) = pulled.as_set(maps=True)
    assert back.semantic is not None
    assert (pulled.labels.names[2], pulled.labels.ignore_index) == ("new", 255)
    assert [int((back.semantic == value).sum()) for value in (2, 255)] == [25, 5 * SIZE[1]]


def test_what_people_draw_as_background_is_erased_from_what_lies_below(
    server: Server, stand_in: StandIn, tmp_path: Path
) -> None:
    low, high = box(0, 0, 10, 10), box(20, 0, 30, 10)
    objects = [
        Instance(label="0", shape=low, uid="low"),
        Instance(label="0", shape=high, uid="high", z_order=9),
        Instance(label="R&D", shape=box(2, 2, 4, 4), uid="gone"),
    ]
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", objects)], LABELS))
    ((task,), (project,)) = stand_in.state.tasks.values(), stand_in.state.projects.values()
    project.labels.append(Label(stand_in.state.new_id(), "background", "#000000", "any", []))
    draw(stand_in.state, task.id, 0, "background", "rectangle", [0, 0, 5, 48], z_order=1)
    pulled = pull_all(server, tmp_path / "loop")
    (back,) = pulled.as_set()
    assert pulled.labels.names == LABELS.names
    assert "is new, and the background" in pulled.told[0]
    assert [each.uid for each in back.instances] == ["low", "high"]
    assert [exact(each)[0] for each in back.instances] == [
        (SIZE, shape.runs.tolist()) for shape in (box(0, 5, 10, 10), high)
    ]
