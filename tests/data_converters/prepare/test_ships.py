"""The Airbus download is found in both of its editions; tiles of one scene never come into two splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.prepare.base import Seen
from data_converters.prepare.record import Wish
from data_converters.prepare.road import prepare
from data_converters.prepare.ships import by_scene, find
from data_converters.prepare.tasks import TASKS
from segloop.data.demo.ships import draw_native, draw_tiles
from segloop.data.demo.ships.native import TILES, tile_name
from segloop.data.splits import split
from segloop.utils.errors import DataError

SEED = 1  # its first scene is a harbour


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (root / name).mkdir()
        else:
            (root / name).write_text("ImageId,EncodedPixels\n")
    return root


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "airbus"
    draw_native(root, seed=SEED, counts={"train_v2": 4 * TILES, "test_v2": 2}, size=96, workers=1)
    return root


@pytest.mark.parametrize(
    ("table", "images", "unlabelled"),
    [
        ("train_ship_segmentations_v2.csv", "train_v2", "test_v2"),
        ("train_ship_segmentations.csv", "train", "test"),
    ],
)
def test_both_editions_are_found(tmp_path: Path, table: str, images: str, unlabelled: str) -> None:
    root = touch(tmp_path / "airbus", table, f"{images}/", f"{unlabelled}/")
    for source in (root, tmp_path, root / images):
        found = find(source, options=ReadOptions())
        assert found.root.samefile(root)
        (part,) = found.parts
        assert (part.format, part.source.name, part.split) == ("airbus", table, None)
        assert part.options.images is not None
        assert part.options.images.name == images
        assert found.grouped_by == "scene"
        assert unlabelled in found.notes[0]


def test_images_may_lie_elsewhere(tmp_path: Path) -> None:
    root = touch(tmp_path / "airbus", "train_ship_segmentations_v2.csv")
    with pytest.raises(DataError, match="train_v2/"):
        find(root, options=ReadOptions())
    found = find(root, options=ReadOptions(images=tmp_path / "pictures"))
    assert found.parts[0].options.images == tmp_path / "pictures"
    assert found.notes == ()


def test_what_is_no_download_is_told_with_the_way_to_get_it(tmp_path: Path) -> None:
    touch(tmp_path, "readme.txt")
    with pytest.raises(DataError) as caught:
        find(tmp_path, options=ReadOptions())
    for part in ("train_ship_segmentations_v2.csv, train_v2/", "kaggle competitions download -c airbus"):
        assert part in str(caught.value)


def test_tiles_of_one_scene_stay_together_as_far_as_they_overlap(drawn: Path) -> None:
    seen = [Seen(file.stem, file, None, {}) for file in sorted((drawn / "train_v2").iterdir())]
    scene = {tile_name(SEED, "train_v2", number)[:-4]: number // TILES for number in range(4 * TILES)}
    groups = by_scene(seen, workers=1)
    scenes_of = {group: set() for group in groups}
    for each, group in zip(seen, groups, strict=True):
        scenes_of[group].add(scene[each.image_id])
    assert all(len(scenes) == 1 for scenes in scenes_of.values())
    assert len(scenes_of) < 2 * 4, "most tiles of a scene overlap"
    parts = split([each.image_id for each in seen], {"train": 1, "val": 1}, groups=groups).part_of()
    for group in scenes_of:
        assert (
            len({parts[each.image_id] for each, own in zip(seen, groups, strict=True) if own == group}) == 1
        )


def test_a_download_becomes_masks_and_objects_pixel_by_pixel(drawn: Path, tmp_path: Path) -> None:
    wish = Wish(task=TASKS["ships"], source=drawn, drawing=None, shares={"train": 2, "val": 1})
    info = prepare(wish, tmp_path / "ships", workers=1).info
    assert info.class_names == ("background", "ship")
    assert info.background == 0
    assert sum(info.splits.values()) == 4 * TILES
    objects = 0
    for part, file in info.coco.items():
        table = json.loads((tmp_path / "ships" / file).read_text())
        objects += len(table["annotations"])
        assert {each["name"] for each in table["categories"]} == {"ship"}
        assert len(table["images"]) == info.splits[part]
    wanted = 0
    for number in range(4 * TILES):
        index, place = divmod(number, TILES)
        _, ships = draw_tiles(seed=SEED, split="train_v2", index=index, size=96)[place]
        stem = Path(tile_name(SEED, "train_v2", number)).stem
        (mask,) = (tmp_path / "ships/ann_dir").rglob(f"{stem}.png")
        np.testing.assert_array_equal(np.asarray(Image.open(mask)), ships > 0)
        wanted += len(set(np.unique(ships)) - {0})
    assert objects == wanted > 10
