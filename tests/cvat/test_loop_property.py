"""Whatever is drawn goes to the server and comes back the same, and what is changed there comes back so."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segloop.cvat.packages import plan_packages
from segloop.cvat.server import Server
from segloop.data.annotations import Bitmap, Instance
from segloop.data.masks import encode
from tests.cvat.loops import draw, pull_all, push
from tests.cvat.sets import LABELS, exact, image, set_of
from tests.cvat.standin.server import StandIn

NAMES = st.sampled_from(LABELS.names[1:])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@st.composite
def objects(draws: st.DrawFn) -> list[Instance]:
    """Draw masks of any look, with any values."""
    found = []
    for _ in range(draws(st.integers(0, 4))):
        density = draws(st.sampled_from([0.01, 0.2, 0.9]))
        pixels = np.random.default_rng(draws(st.integers(0, 99))).random((7, 9)) < density
        text = draws(TEXTS)
        found.append(
            Instance(
                label=draws(NAMES),
                shape=Bitmap((7, 9), encode(pixels)),
                attributes={"note": text} if text.strip() == text else {},
                z_order=draws(st.integers(-2, 2)),
                group=draws(st.sampled_from([None, 1, 7])),
                score=draws(st.none() | st.floats(0, 1)),
                crowd=draws(st.booleans()),
                occluded=draws(st.booleans()),
            )
        )
    return found


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SETS = st.lists(objects(), min_size=1, max_size=3)
FORMS = st.sampled_from(["rle", "exact-polygon"])


@settings(max_examples=3, suppress_health_check=CHECKS)
@given(drawn=SETS, masks=FORMS)
def test_the_loop_loses_nothing(
    server: Server, stand_in: StandIn, drawn: list[list[Instance]], masks: str
) -> None:
    there_and_back(server, stand_in, drawn, masks)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=40, suppress_health_check=CHECKS)
@given(drawn=SETS, masks=FORMS)
def test_the_loop_loses_nothing_of_many_sets(
    server: Server, stand_in: StandIn, drawn: list[list[Instance]], masks: str
) -> None:
    there_and_back(server, stand_in, drawn, masks)


def there_and_back(server: Server, stand_in: StandIn, drawn: list[list[Instance]], masks: str) -> None:
    """Push a set, pull it, draw one object more, pull again."""
    stand_in.reset()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = set_of(
            [image(root, f"{n}/x.png", each, size_hw=(7, 9)) for n, each in enumerate(drawn)], LABELS
        )
        push(server, root / "loop", images, chunk=2, masks=masks)
        pulled = pull_all(server, root / "loop")
        plan = plan_packages(images)
        for back, frame in zip(pulled.images, plan.frames, strict=True):
            assert list(map(exact, back.record.instances)) == list(map(exact, plan.objects(frame).instances))
        task = next(iter(stand_in.state.tasks.values()))
        draw(stand_in.state, task.id, 0, "R&D", "mask", [0, 1, 3, 3, 3, 3], z_order=99)
        again = pull_all(server, root / "loop")
        assert (again.changes.added, again.changes.removed, again.changes.changed) == (1, 0, 0)
