"""Phase contrast: thin is dark, thick is bright, and a halo lies around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segloop.data.demo.cells.bodies import Body, Neurite
from segloop.data.demo.cells.microscope import Field, Lens, clip, lens, photograph
from segloop.data.demo.dice import Dice
from segloop.data.demo.sprites import Easel

SIZE = 96
EVEN = Lens(
    gain=30,
    halo=1.0,
    exposure=128,
    tilt_yx=(0, 0),
    patches=np.zeros((SIZE, SIZE), np.float32),
    glass=np.zeros((SIZE, SIZE), np.float32),
)


def disc(phase: float, *, center_xy: tuple[float, float] = (48.0, 48.0), **more: float | bool) -> Body:
    """Return a round cell of 9 pixels."""
    easel = Easel(center_xy, radius=12, angle=0.0)
    easel.dot(easel.coverage, np.zeros(2), radius=0.75)
    return Body(easel.sprite(), (), phase, 1.5, **more)  # type: ignore[arg-type]


def seen(*found: Body, view: Lens = EVEN) -> np.ndarray:
    field = Field.empty(SIZE)
    for body in found:
        field.add_body(body, contrast=0, unit=1.0)
    return photograph(Dice(0, "look", 0), field, view).astype(float)


def test_a_thin_cell_is_dark_a_thick_one_bright_and_both_have_a_halo() -> None:
    thin, thick = seen(disc(0.35)), seen(disc(1.2))
    ground = np.median(thin)
    for image in (thin, thick):
        around = np.array([image[48, 48 + 11], image[48, 48 - 11], image[48 + 11, 48], image[48 - 11, 48]])
        assert around.mean() > ground + 3
    assert thin[44:53, 44:53].mean() < ground - 8
    assert thick[46:51, 46:51].mean() > ground + 8


def test_light_that_passes_two_cells_is_delayed_by_both() -> None:
    field, one = Field.empty(SIZE), disc(0.3)
    field.add_body(one, contrast=0, unit=1.0)
    alone = field.phase.copy()
    field.add_body(one, contrast=0, unit=1.0)
    np.testing.assert_array_equal(field.phase, 2 * alone)
    assert 0.2 < alone.max() <= 0.31


def test_what_is_out_of_focus_has_no_rim() -> None:
    def steepest(body: Body) -> float:
        field = Field.empty(SIZE)
        field.add_body(body, contrast=0, unit=1.0)
        return float(np.abs(np.diff(field.phase, axis=1)).max())

    assert steepest(disc(0.3, blurred=True)) < 0.7 * steepest(disc(0.3))


def test_a_seam_is_bright_along_the_outline_alone() -> None:
    field = Field.empty(SIZE)
    field.add_body(disc(0.0, rim=10.0), contrast=0, unit=1.0)
    assert field.light[48, 48] == 0
    assert field.light[48, 57] > 5


def test_neurites_are_thin_and_stay_in_the_picture() -> None:
    field = Field.empty(SIZE)
    path = np.array([[-10.0, 40.0], [40.0, 40.0], [120.0, 44.0]])
    field.add_neurites([Neurite(path, 1.0, (200, 100))], unit=1.0)
    assert (field.phase.max(0) > 0).all()
    assert (field.phase > 0).sum(0).max() <= 4
    assert field.phase[:, 20].sum() > 1.5 * field.phase[:, 80].sum()


def test_a_sprite_outside_of_the_picture_is_left_out() -> None:
    assert clip((200, 0), (10, 10), (96, 96)) is None
    assert clip((-4, 90), (10, 10), (96, 96)) == ((slice(90, 96), slice(0, 6)), (slice(0, 6), slice(4, 10)))
    assert (seen(disc(1.0, center_xy=(300.0, 48.0))) == seen()).all()


def test_light_is_uneven_and_the_same_for_all_pictures_of_a_sample() -> None:
    view = lens(Dice(0, "view", 1), SIZE)
    again = lens(Dice(0, "view", 1), SIZE)
    np.testing.assert_array_equal(view.patches, again.patches)
    image = seen(view=replace(view, tilt_yx=(30.0, 0.0)))
    assert image[-20:].mean() - image[:20].mean() > 8
