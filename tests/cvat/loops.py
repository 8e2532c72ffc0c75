"""What tests of the loop share: a push, a pull, and an annotator who draws on the stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_converters import cvat_loop
from segloop.cvat.manifest import Manifest, read_manifest
from segloop.cvat.packages import agree, plan_packages
from segloop.cvat.pull import Pulled, pull
from segloop.cvat.push import Push, Pushed
from segloop.cvat.server import Server
from segloop.data.annotations import LabelledImages
from tests.cvat.standin.state import Shape, State


def push(
    server: Server,
    folder: Path,
    images: LabelledImages | None,
    wanted: Sequence[str] | None = None,
    *,
    predictions: LabelledImages | None = None,
    chunk: int = 100,
    say: list[str] | None = None,
    **how: object,
) -> Pushed:
    """Push a set from a loop's folder, as the tool does."""
    sets = {"truth": images, "predictions": predictions}
    plans = {
        kind: plan_packages(each, wanted, chunk=chunk) for kind, each in sets.items() if each is not None
    }
    manifest = read_manifest(folder) or Manifest.new(
        folder, host=server.host, organization=server.organization, name="ships"
    )
    said = [] if say is None else say
    return Push(server, manifest, agree(plans), cvat_loop, say=said.append, **how).run()  # type: ignore[arg-type]


def pull_all(server: Server, folder: Path, *, kind: str = "truth", everything: bool = True) -> Pulled:
    """Pull what a loop's folder knows of."""
    manifest = read_manifest(folder)
    assert manifest is not None
    return pull(server, manifest, codec=cvat_loop, kind=kind, everything=everything)


def label_id(state: State, name: str) -> int:
    """Return the id of a label of the only project."""
    (project,) = state.projects.values()
    return next(label.id for label in project.labels if label.name == name)


def draw(
    state: State, task_id: int, frame: int, label: str, kind: str, points: Sequence[float], **more: object
) -> None:
    """Draw a shape as a person does on CVAT's page: without any attribute of ours."""
    shape = Shape(state.new_id(), frame, label_id(state, label), kind, list(points), **more)  # type: ignore[arg-type]
    state.tasks[task_id].shapes.append(shape)
