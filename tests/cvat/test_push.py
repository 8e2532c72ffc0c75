"""What is pushed is there pixel for pixel, once, whatever is killed or fails on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from segloop.cvat.faults import CvatError
from segloop.cvat.manifest import read_manifest
from segloop.cvat.server import Server
from segloop.data.annotations import Instance, Label, LabelledImages, LabelSet, Opaque
from tests.cvat.conftest import Login
from tests.cvat.loops import pull_all, push
from tests.cvat.sets import LABELS, SIZE, box, hard_set, image, set_of
from tests.cvat.standin.server import StandIn
from tests.cvat.standin.wire import Fault


@pytest.fixture
def small(tmp_path: Path) -> LabelledImages:
    ship = Instance(label="0", shape=box(1, 1, 5, 5))
    return set_of([image(tmp_path / "img", f"{name}.png", [ship]) for name in "abc"], LABELS)


def facts(stand_in: StandIn) -> Any:
    """Return what matters of the server's state: no ids, which count up with each try."""
    state = stand_in.state
    return (
        [each.name.split(" [")[0] for each in state.projects.values()],
        [
            (
                each.name.split(" [")[0],
                [frame.name for frame in each.frames],
                sorted((shape.frame, shape.type, tuple(shape.points)) for shape in each.shapes),
            )
            for each in state.tasks.values()
        ],
    )


def test_all_that_must_survive_is_there(server: Server, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.slow_requests = 1
    pushed = push(server, tmp_path / "loop", hard_set(tmp_path), chunk=5)
    assert len(pushed.done) == 2  # each compared with what came back, pixel for pixel
    first, second = stand_in.state.tasks.values()
    assert [frame.name for frame in first.frames][:2] == ["a/1.png", "b/1.png"]
    assert (len(first.shapes), len(second.shapes)) == (12 + 1 + 2 + 300 + 3 + 1, 2)


def test_forty_labels_with_odd_names_go(server: Server, stand_in: StandIn, tmp_path: Path) -> None:
    labels = LabelSet(tuple(Label(f"класс {number} & <x>") for number in range(40)))
    objects = [Instance(label=name, shape=box(n, n, n + 1, n + 1)) for n, name in enumerate(labels.names)]
    push(server, tmp_path / "loop", set_of([image(tmp_path, "a.png", objects)], labels))
    (task,) = stand_in.state.tasks.values()
    assert len({shape.label_id for shape in task.shapes}) == 40


def test_pushing_again_sends_nothing(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["c", "a"])
    before = facts(stand_in)
    first = len(stand_in.calls)
    assert push(server, tmp_path / "loop", small, ["c", "a"]).done == []
    assert facts(stand_in) == before
    assert {method for method, _ in stand_in.calls[first:]} == {"GET"}


def test_an_sdk_whose_lists_take_no_name_will_do(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before_2_70(self: object, *, return_json: bool = False) -> list[object]:
        raise AssertionError("it lists all that there is")

    monkeypatch.setattr("cvat_sdk.core.proxies.model_proxy.ModelListMixin.list", before_2_70)
    push(server, tmp_path / "loop", small)
    manifest = read_manifest(tmp_path / "loop")
    assert manifest is not None
    manifest.project_id, manifest.tasks[0].id, manifest.tasks[0].state = None, None, "planned"
    manifest.save()  # as a push leaves it that is killed before it hears of either
    push(server, tmp_path / "loop", small)
    assert (len(stand_in.state.projects), len(stand_in.state.tasks)) == (1, 1)


def test_a_longer_list_adds_what_is_not_there(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["a"])
    push(server, tmp_path / "loop", small, ["c", "a", "b"])
    assert [[frame.name for frame in task.frames] for task in stand_in.state.tasks.values()] == [
        ["a.png"],
        ["c.png", "b.png"],
    ]


def test_truth_and_predictions_are_two_tasks_of_one_project(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    found = [
        replace(each, instances=(Instance(label="R&D", shape=box(2, 2, 9, 9), score=0.75),)) for each in small
    ]
    push(server, tmp_path / "loop", small, ["a"], predictions=set_of(found, LABELS))
    assert len(stand_in.state.projects) == 1
    truth, predicted = stand_in.state.tasks.values()
    (project,) = stand_in.state.projects.values()
    names = {spec["id"]: spec["name"] for label in project.labels for spec in label.attributes}
    said = {names[key]: value for key, value in predicted.shapes[0].attributes.items()}
    assert (said["score"], said["rank"]) == ("0.75", "1")
    assert [frame.name for frame in truth.frames] == [frame.name for frame in predicted.frames]


def test_outlines_are_measured_before_anything_is_sent(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    said: list[str] = []
    stand_in.plan = lambda number, method, path: Fault(status=403)
    with pytest.raises(CvatError):
        push(server, tmp_path / "loop", small, masks="polygon:1", say=said)
    assert "of 48 pixels" in said[0]
    assert not stand_in.state.projects


def test_other_images_under_the_names_of_those_that_went_are_refused(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small, ["a", "b"])
    before = facts(stand_in)
    Image.new("RGB", SIZE[::-1], (200, 0, 0)).save(tmp_path / "img" / "b.png")
    moved = [replace(each, instances=(Instance(label="0", shape=box(9, 9, 15, 15)),)) for each in small]
    with pytest.raises(CvatError, match=r"(?s)another loop.*truth-001: b\.png"):
        push(server, tmp_path / "loop", set_of(moved, LABELS), ["a", "b"])
    assert facts(stand_in) == before
    assert len(push(server, tmp_path / "loop", small, ["c"]).done) == 1


def test_an_image_may_change_until_it_is_sent(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    stand_in.plan = lambda number, method, path: Fault(status=403)
    with pytest.raises(CvatError):
        push(server, tmp_path / "loop", small)
    stand_in.plan = lambda number, method, path: None
    Image.new("RGB", SIZE[::-1], (200, 0, 0)).save(tmp_path / "img" / "b.png")
    push(server, tmp_path / "loop", small)
    assert len(push(server, tmp_path / "loop", small).untouched) == 1


def test_an_empty_task_of_a_failed_upload_is_removed(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    stand_in.plan = lambda number, method, path: (
        Fault(status=403) if path.endswith(("/data", "/data/")) else None
    )
    with pytest.raises(CvatError, match="upload the images"):
        push(server, tmp_path / "loop", small)
    assert stand_in.state.tasks == {}


def test_a_task_that_somebody_removed_is_made_again_and_a_project_is_not(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages
) -> None:
    push(server, tmp_path / "loop", small)
    before = facts(stand_in)
    stand_in.state.tasks.clear()
    push(server, tmp_path / "loop", small)
    assert facts(stand_in) == before
    stand_in.state.projects.clear()
    with pytest.raises(CvatError, match="Begin another loop"):
        push(server, tmp_path / "loop", small)


def test_a_server_that_holds_other_pixels_is_caught(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cvat.standin import forms

    real = forms.import_annotations

    def lossy(state: Any, task: Any, data: bytes) -> None:
        real(state, task, data)
        task.shapes[0].points[-1] -= 1
        task.shapes[0].points[0:2] = [0.0, task.shapes[0].points[1] - 4]

    monkeypatch.setattr(forms, "import_annotations", lossy)
    with pytest.raises(CvatError, match="does not hold what was sent: 0 added, 0 removed, 1 changed"):
        push(server, tmp_path / "loop", small)


class Killed(BaseException):
    """The end of a process."""


def dying(login: Login, at: int, *, late: bool) -> Any:
    """Open a session whose process is killed at a call, before it is sent or after it was heard."""
    session = login()
    server = session.__enter__()
    rest = server.client.api_client.rest_client
    request, left = rest.request, [at]

    def count(*words: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] < 0 and not late:
            raise Killed
        answer = request(*words, **named)
        if left[0] < 0:
            raise Killed
        return answer

    rest.request = count
    return server


def killed_at(
    at: int, late: bool, login: Login, stand_in: StandIn, folder: Path, small: LabelledImages
) -> bool:
    """Kill a push at a call and repeat it; tell whether there was such a call."""
    stand_in.reset()
    try:
        push(dying(login, at, late=late), folder, small, ["a", "b"], chunk=1)
    except Killed:
        with login() as server:
            push(server, folder, small, ["a", "b"], chunk=1)
        manifest = read_manifest(folder)
        assert manifest is not None
        assert {each.id for each in manifest.tasks} == set(stand_in.state.tasks)
        return True
    return False


WHOLE = (["ships"], [(f"ships truth-00{n}", [f"{name}.png"], 1) for n, name in ((1, "a"), (2, "b"))])


def counted(stand_in: StandIn) -> Any:
    projects, tasks = facts(stand_in)
    return projects, [(name, frames, len(shapes)) for name, frames, shapes in tasks]


# The calls of a push: project, task, upload in three, its request, frames, annotations, import, export.
@pytest.mark.parametrize(
    ("at", "late"), [(1, True), (4, True), (6, False), (7, True), (15, False), (18, True)]
)
def test_killed_and_repeated_it_ends_the_same(
    login: Login, stand_in: StandIn, tmp_path: Path, small: LabelledImages, at: int, late: bool
) -> None:
    assert killed_at(at, late, login, stand_in, tmp_path / "loop", small)
    assert counted(stand_in) == WHOLE


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("late", [False, True])
def test_killed_anywhere_and_repeated_it_ends_the_same(
    login: Login, stand_in: StandIn, tmp_path: Path, small: LabelledImages, late: bool
) -> None:
    at = 0
    while killed_at(at, late, login, stand_in, tmp_path / f"loop{at}", small):
        assert counted(stand_in) == WHOLE, at
        at += 1
    assert at > 30


FAULTS = [
    Fault(drop=True),
    Fault(drop=True, late=True),
    Fault(status=503),
    Fault(status=429, headers={"Retry-After": "3"}),
    Fault(status=502, late=True),
]


def failing_at(
    at: int, fault: Fault, server: Server, stand_in: StandIn, folder: Path, small: LabelledImages
) -> int:
    """Push while one call fails; return how many calls were made."""
    stand_in.reset()
    stand_in.plan = lambda number, method, path: fault if number == at else None
    push(server, folder, small, ["a"])
    projects, tasks = counted(stand_in)
    assert (projects, tasks) == (["ships"], [("ships truth-001", ["a.png"], 1)]), (at, fault)
    return len(stand_in.calls)


@pytest.mark.parametrize(("at", "fault"), list(enumerate(FAULTS * 2, start=1)))
def test_a_call_may_fail_in_passing(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages, at: int, fault: Fault
) -> None:
    failing_at(at, fault, server, stand_in, tmp_path, small)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_any_call_may_fail_in_passing(
    server: Server, stand_in: StandIn, tmp_path: Path, small: LabelledImages, fault: Fault
) -> None:
    at = 0
    while failing_at(at, fault, server, stand_in, tmp_path / f"{at}", small) > at:
        at += 1
    assert at > 15


REFUSALS = [
    Fault(garbage=b"{}", late=True),  # an SDK that cannot read the answer: the thing is there already
    Fault(status=400, late=True),
    Fault(status=401),
    Fault(status=403),
    Fault(status=404),
    Fault(status=500, late=True),
]


def refused_at(
    at: int, fault: Fault, login: Login, stand_in: StandIn, folder: Path, small: LabelledImages
) -> int:
    """Push while one call is refused and push again; return how many calls there were."""
    stand_in.reset()
    told = ""
    try:
        with login() as server:
            first = len(stand_in.calls)
            stand_in.plan = lambda number, method, path: fault if number == first + at else None
            push(server, folder, small, ["a"])
    except CvatError as error:
        told = str(error)
    assert "\n" not in told, (at, fault)
    stand_in.plan = lambda number, method, path: None
    with login() as server:
        push(server, folder, small, ["a"])
    calls = len(stand_in.calls)
    projects, tasks = counted(stand_in)
    assert (projects, tasks) == (["ships"], [("ships truth-001", ["a.png"], 1)]), (at, fault)
    return calls - first


@pytest.mark.parametrize(("at", "fault"), [(1, REFUSALS[0]), (4, REFUSALS[0]), (7, REFUSALS[0])])
def test_a_call_may_be_refused_and_repeated_it_ends_the_same(
    login: Login, stand_in: StandIn, tmp_path: Path, small: LabelledImages, at: int, fault: Fault
) -> None:
    refused_at(at, fault, login, stand_in, tmp_path, small)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", REFUSALS)
def test_any_call_may_be_refused_and_repeated_it_ends_the_same(
    login: Login, stand_in: StandIn, tmp_path: Path, small: LabelledImages, fault: Fault
) -> None:
    at = 0
    while refused_at(at, fault, login, stand_in, tmp_path / f"{at}", small) > at:
        at += 1
    assert at > 15


def test_an_ellipse_whose_radii_are_rounded_twice_is_the_one_that_went(
    server: Server, tmp_path: Path
) -> None:
    shape = Opaque("ellipse", {"cx": 20.124, "cy": 20.0, "rx": 5.333, "ry": 3.0})
    record = image(tmp_path, "a.png", [Instance(label="0", shape=shape)])
    push(server, tmp_path / "loop", set_of([record], LABELS))
    (back,) = pull_all(server, tmp_path / "loop").images
    assert (back.record.instances[0].shape, bool(back.changes)) == (shape, False)
