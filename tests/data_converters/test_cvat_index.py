"""One pass finds where everything stands, by bytes, and keeps none of it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from data_converters import cvat_index
from data_converters.cvat_index import KEYFRAME, OUTSIDE, index_file
from segloop.utils.errors import FormatError
from tests.data_converters.cvat_cases import TASK, VIDEO, one_image, write_xml


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_images_are_found_by_their_bytes(tmp_path: Path, encoding: str) -> None:
    data = TASK.replace('encoding="utf-8"', f'encoding="{encoding[:6]}"').encode(encoding)
    index = index_file(write_xml(tmp_path, data))
    parts = [data[each.start : each.stop].decode(encoding) for each in index.images]
    assert [each.startswith(f'<image id="{number}"') for number, each in enumerate(parts)] == [True, True]
    assert parts[0].endswith("</tag>\n  ")
    assert parts[1].endswith('height="6">\n  ')
    lines = TASK.split("\n")
    assert [lines[each.line - 1].strip()[:6] for each in index.images] == ["<image", "<image"]
    assert list(index.labels) == ["road", "car: small", "person"]


def test_an_image_that_holds_nothing_at_all(tmp_path: Path) -> None:
    first_one = '<image id="3" name="a.png" subset="s" task_id="7"/>'
    text = f'<annotations>{first_one}<image name="b.png"></image></annotations>'
    first, second = index_file(write_xml(tmp_path, text)).images
    assert text[first.start : first.stop] == first_one
    assert text[second.start : second.stop] == '<image name="b.png">'
    assert (first.name, first.subset, first.task) == ("a.png", "s", "7")


def test_tracks_and_their_shapes(tmp_path: Path) -> None:
    index = index_file(write_xml(tmp_path, VIDEO))
    assert [(each.number, each.label, each.source, each.group) for each in index.tracks] == [
        ("0", "car", "manual", "2"),
        ("1", "car", "auto", None),
    ]
    shapes = index.shapes
    assert list(shapes.track) == [0, 0, 0, 0, 1, 1]
    assert list(shapes.frame) == [0, 1, 2, 3, 0, 1]
    assert list(shapes.flags) == [KEYFRAME, 0, KEYFRAME, 0, KEYFRAME, KEYFRAME | OUTSIDE]
    assert VIDEO[shapes.start[4] : shapes.stop[4]].startswith('<mask frame="0"')
    assert VIDEO[shapes.start[4] : shapes.stop[4]].rstrip().endswith("</attribute>")


def test_meta_is_kept_as_it_is(tmp_path: Path) -> None:
    meta = index_file(write_xml(tmp_path, TASK)).meta
    assert meta is not None
    task = meta.get("task")
    assert task.get("name").text == "relabel & co"
    assert [each.get("name").text for each in task.get("labels").all("label")] == [
        "road",
        "car: small",
        "person",
        "head",
    ]
    assert task.get("no such thing").text == ""


def test_too_much_meta_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cvat_index, "MOST_META", 50)
    with pytest.raises(FormatError, match=r"line \d+: refused: <meta> has more than 50 elements"):
        index_file(write_xml(tmp_path, TASK))


@pytest.mark.parametrize(
    "place", ["<image name='a'>{}</image>", "<track id='0' label='a'>{}</track>", "<job>{}</job>"]
)
def test_what_is_too_deep_is_refused(tmp_path: Path, place: str) -> None:
    text = f"<annotations>{place.format('<a>' * 1000 + '</a>' * 1000)}</annotations>"
    with pytest.raises(FormatError, match="refused: elements stand inside of each other more than 32 deep"):
        index_file(write_xml(tmp_path, text))


def test_the_memory_does_not_grow_with_the_masks(tmp_path: Path) -> None:
    shape = f'<mask label="a" rle="{"1, " * 400}1" left="0" top="0" width="8" height="6"/>\n'
    peaks = []
    for count in (60, 100):
        file = write_xml(tmp_path, one_image(shape * 50 * count))
        tracemalloc.start()
        index_file(file)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 1 << 20, "of a file of 2 MB more"
