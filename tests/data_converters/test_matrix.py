"""Every road loses exactly what docs/formats.md says that it loses, and pixels that may stay do."""

from __future__ import annotations

import pickle
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

from data_converters import convert as engine
from data_converters import matrix
from data_converters.base import FEATURES, ReadOptions, WriteOptions
from data_converters.convert import convert
from data_converters.detect import detect
from data_converters.features import count_declared, count_held
from data_converters.formats import FORMATS
from data_converters.report import OWN_KINDS, WITHOUT_PIXELS, Report
from segloop.data import masks
from segloop.data.annotations import Bitmap, ImageRecord, Label, LabelledImages, LabelSet
from tests.data_converters import sets
from tests.data_converters.memory import MEMORY, put

DOCS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
ALL = frozenset(FEATURES)
PAIRS = [(source, target) for source in matrix.SOURCES for target in matrix.TARGETS]
INDEX = ("mmseg", "pairs")  # formats of index maps
ONE_LABEL = {"airbus": "ship", "sartorius": "cell"}
SUFFIXES = {"cvat": ".zip", "cvat-coco": ".zip", "airbus": ".csv", "sartorius": ".csv"}
WITH_OUTLINES = WriteOptions(masks="exact-polygon")
Set = tuple[LabelSet, list[ImageRecord]]


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    FORMATS["memory"] = MEMORY
    yield
    del FORMATS["memory"]


class Road:
    """A folder in which a set is written in one format and converted to another."""

    def __init__(self, folder: Path, labels: LabelSet, records: Sequence[ImageRecord]) -> None:
        self.folder = folder
        self.images, self.flat = folder / "images", folder / "flat"
        records = sets.with_files(list(records), self.images)
        for each in records:  # sartorius knows no folders
            assert each.file is not None
            self.flat.mkdir(exist_ok=True)
            (self.flat / each.file.name).write_bytes(each.file.read_bytes())
        self.start = put(folder / "set.pickle", labels, records)

    def write(self, name: str, options: WriteOptions | None = None) -> Path:
        """Write the set in a format."""
        if name in sets.TREES:
            made = MEMORY.read(self.start, options=ReadOptions())
            return sets.TREES[name](self.folder / name, made.labels, list(made))
        target = self.folder / f"start-{name}{SUFFIXES.get(name, '')}"
        convert(self.start, target, from_format="memory", to_format=name, workers=0, write_options=options)
        return target

    def options(self, name: str) -> ReadOptions:
        """Return what has to be said when a format is read: where the images are that have the sizes."""
        apart = ("airbus", "cvat", "cvat-coco", "cvat-mask")
        folders = {"sartorius": self.flat, **dict.fromkeys(apart, self.images)}
        return ReadOptions(images=folders.get(name))

    def read(self, name: str, source: Path) -> LabelledImages:
        """Read a format."""
        return FORMATS[name].read(source, options=self.options(name))

    def convert(
        self, source: Path, name: str, to: str, options: WriteOptions | None = None
    ) -> tuple[Report, Path]:
        """Convert what was written to another format."""
        target = self.folder / f"end-{to}{SUFFIXES.get(to, '')}"
        report = convert(
            source,
            target,
            from_format=name,
            to_format=to,
            read_options=self.options(name),
            write_options=options,
            workers=0,
        )
        return report, target


def features(images: LabelledImages) -> set[str]:
    """Return which FEATURES a set has."""
    held = [count_held(record, images.labels, wanted=ALL) for record in images]
    used = frozenset(label for each in held for label in each.labels)
    found = {loss.kind for each in held for loss in each.features}
    return found | {loss.kind for loss in count_declared(images.labels, wanted=ALL, used=used)}


def rich_source(name: str, folder: Path) -> tuple[Road, Path]:
    """Return a set in a format that holds all that the format holds."""
    labels, records = sets.rich_set()
    road = Road(folder, labels, records)
    if name in sets.CSVS:
        file = folder / f"{name}.csv"
        file.write_text(sets.CSVS[name], encoding="utf-8")
        sets.with_files(
            [ImageRecord(image_id=each, name=f"{each}.png", size_hw=(9, 13)) for each in ("p/1", "2")],
            road.images,
        )
        return road, file
    return road, road.write(name, WITH_OUTLINES if "coco" in name else None)


@pytest.mark.parametrize("name", matrix.SOURCES)
def test_a_format_holds_what_is_said_of_it(name: str, tmp_path: Path) -> None:
    road, source = rich_source(name, tmp_path)
    assert features(road.read(name, source)) == matrix.HOLDS[name]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_each_pair_loses_exactly_what_the_matrix_says(source: str, target: str, tmp_path: Path) -> None:
    road, file = rich_source(source, tmp_path)
    report, _ = road.convert(file, source, target)
    told = [each.kind for each in report.losses]
    assert tuple(kind for kind in told if kind in FEATURES) == matrix.losses(source, target)
    assert {kind for kind in told if kind not in FEATURES} <= set(matrix.OWN.get(target, ()))
    assert report.written


def test_polygons_stay_polygons_on_request(tmp_path: Path) -> None:
    for target in ("coco", "cvat-coco"):
        assert "polygons" in matrix.losses("cvat", target)
        assert "polygons" not in matrix.losses("cvat", target, WITH_OUTLINES)
    road, file = rich_source("cvat", tmp_path)
    report, _ = road.convert(file, "cvat", "coco", WITH_OUTLINES)
    assert not report.losses


def test_the_matrix_knows_all_formats() -> None:
    assert set(matrix.HOLDS) == set(FORMATS) - {"memory"}


def test_the_page_has_these_tables() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text == matrix.updated(text), "run: python -m data_converters.matrix docs/formats.md"
    assert text.count("generated -->") == 3


def test_every_kind_of_loss_in_the_code_is_explained() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in Path(matrix.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'(?:Loss\(|tally\.add\()\s*"([a-z-]+)"', code))
    assert kinds - ALL == set(OWN_KINDS)
    assert {kind for own in matrix.OWN.values() for kind in own} == set(OWN_KINDS) - {"unexplained"}
    assert not WITHOUT_PIXELS - ALL - set(OWN_KINDS)


def objects(images: LabelledImages, name: str) -> dict[str, list[tuple[str, list[int]]]]:
    """Return label and runs of each object with pixels, in order, by the id that a format gives an image."""
    found = {}
    for record in images:
        key = record.image_id.rpartition("/")[2] if name == "sartorius" else record.image_id
        drawn = []
        for each in record.instances:
            assert isinstance(each.shape, Bitmap)
            if masks.area(each.shape.runs):
                drawn.append((ONE_LABEL.get(name, each.label), each.shape.runs.tolist()))
        found[key] = drawn
    return found


def seen(images: LabelledImages, name: str) -> dict[str, np.ndarray]:
    """Return for each image the names of what is seen at each pixel, later objects over earlier ones."""
    found = {}
    for record in images:
        assert record.size_hw is not None
        canvas = np.full(record.size_hw, "", object)
        if record.semantic is not None:
            known = {value: ONE_LABEL.get(name, label) for value, label in enumerate(images.labels.names)}
            known[images.labels.ignore_index] = "ignored"
            known[images.labels.background if images.labels.background is not None else -1] = ""
            canvas = np.vectorize(known.get, otypes=[object])(record.semantic)
        for each in sorted(record.instances, key=lambda each: each.z_order):
            assert isinstance(each.shape, Bitmap)
            canvas[masks.decode(each.shape.runs, record.size_hw)] = ONE_LABEL.get(name, each.label)
        if record.ignore is not None:
            canvas[masks.decode(record.ignore.runs, record.size_hw)] = "ignored"
        found[record.image_id.rpartition("/")[2] if name == "sartorius" else record.image_id] = canvas
    return found


def assert_the_road_holds(drawn: Set, source: str, target: str) -> None:
    """Write, convert and read a set; compare what is told with what it holds, and each pixel."""
    labels, records = drawn
    if "sartorius" in (source, target):
        assume(len({each.image_id.rpartition("/")[2] for each in records}) == len(records))
    if source == "sartorius":
        records = [replace(each, image_id=each.image_id.rpartition("/")[2]) for each in records]
        records = [replace(each, name=f"{each.image_id}.png") for each in records]
    with tempfile.TemporaryDirectory() as folder:
        road = Road(Path(folder), labels, records)
        start = road.write(source)
        before = road.read(source, start)
        report, end = road.convert(start, source, target)
        after = road.read(target, end)
        told = {each.kind for each in report.losses}
        assert told & ALL == features(before) - matrix.keeps(target)
        assert told - ALL <= set(matrix.OWN.get(target, ()))
        if source not in INDEX and "overlaps" in matrix.keeps(target):
            assert objects(after, target) == objects(before, target)
        elif target not in INDEX or "ignored" not in str(seen(before, target)):
            wanted = seen(before, target)
            if "ignore" not in matrix.keeps(target):
                wanted = {name: np.where(pixels == "ignored", "", pixels) for name, pixels in wanted.items()}
            compare_pixels(wanted, seen(after, target))


def compare_pixels(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> None:
    assert set(before) == set(after)
    for name, pixels in before.items():
        assert (pixels == after[name]).all()


@pytest.mark.parametrize("target", matrix.TARGETS)
@pytest.mark.parametrize("source", [name for name in matrix.SOURCES if name not in INDEX])
@settings(max_examples=4)
@given(drawn=sets.plain_sets())
def test_no_pixel_of_an_object_moves(drawn: Set, source: str, target: str) -> None:
    assert_the_road_holds(drawn, source, target)


@pytest.mark.parametrize("target", matrix.TARGETS)
@settings(max_examples=6)
@given(drawn=sets.index_sets())
def test_no_pixel_of_an_index_map_moves(drawn: Set, target: str) -> None:
    assert_the_road_holds(drawn, "mmseg", target)


@pytest.mark.parametrize("source", matrix.SOURCES)
def test_what_was_written_is_known_again_by_its_signs(source: str, tmp_path: Path) -> None:
    _, file = rich_source(source, tmp_path)
    assert detect(file)[0] == source


def tree_of(place: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of all files in a folder."""
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return {file.relative_to(place).as_posix(): file.read_bytes() for file in sorted(files)}


def through_another_process(function: Any, items: Iterable[Any], **options: Any) -> Iterator[Any]:
    """Apply a function as a pool of processes does: all that goes there and comes back is pickled."""
    sent = pickle.loads(pickle.dumps(function))
    for item in items:
        yield pickle.loads(pickle.dumps(sent(pickle.loads(pickle.dumps(item)))))


@pytest.mark.parametrize(
    ("source", "target"), [(name, name) for name in matrix.TARGETS] + [(name, "coco") for name in sets.TREES]
)
def test_the_bytes_are_the_same_wherever_images_are_rendered(
    source: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    road, file = rich_source(source, tmp_path)
    _, here = road.convert(file, source, target)
    before = tree_of(here)
    monkeypatch.setattr(engine, "map_ordered", through_another_process)
    here.rename(tmp_path / "first")
    _, there = road.convert(file, source, target)
    assert tree_of(there) == before


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    _, file = rich_source("coco", tmp_path)
    found = []
    for workers in (1, 2):
        target = tmp_path / str(workers) / "out.zip"
        convert(file, target, from_format="coco", to_format="cvat", workers=workers)
        found.append(target.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("target", matrix.TARGETS)
def test_three_hundred_objects_stay_three_hundred(target: str, tmp_path: Path) -> None:
    size_hw = (41, 62)
    labels = LabelSet((Label("car"),))
    grid = np.zeros(size_hw, np.int32)
    grid[1::2, 1::2] = np.arange(1, 621).reshape(20, 31)
    grid[grid > 300] = 0
    parts = [runs for value, runs in masks.encode_labels(grid).items() if value]
    record = sets.image_of("300", size_hw, [Bitmap(size_hw, runs) for runs in parts], "car")
    road = Road(tmp_path, labels, [record])
    report, end = road.convert(road.start, "memory", target)
    after = road.read(target, end)
    assert report.pixels == (300, 300)
    if target in INDEX:
        assert [int((each.semantic > 0).sum()) for each in after if each.semantic is not None] == [300]
    else:
        assert [len(each.instances) for each in after] == [300]
