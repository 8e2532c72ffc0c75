"""Each annotation of a COCO file is found again by its bytes, and little is kept of it meanwhile."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_converters import json_stream
from data_converters.coco_index import CocoIndex, CocoKeys, Key, index_coco, index_results, is_results
from tests.data_converters.coco_cases import annotation, image, write_coco


def annotations_of(index: CocoIndex, file: Path, key: Key) -> list[Any]:
    """Read what a key points to."""
    data = file.read_bytes()
    spans = np.frombuffer(key.spans, np.int64).reshape(-1, 2).tolist()
    return [json.loads(data[start:stop]) for start, stop in spans]


def test_keys_lead_to_the_image_and_its_annotations_in_order(tmp_path: Path) -> None:
    annotations = [annotation(number, image_id=1 + number % 2) for number in range(5)]
    file = write_coco(tmp_path / "a.json", annotations, images=[image(2), image(5), image(1)])
    index = index_coco(file)
    keys = pickle.loads(pickle.dumps(list(CocoKeys([index]))))
    data = file.read_bytes()
    assert [json.loads(data[key.start : key.stop])["id"] for key in keys] == [2, 5, 1]
    found = [[each["id"] for each in annotations_of(index, file, key)] for key in keys]
    assert found == [[1, 3], [], [0, 2, 4]]
    assert CocoKeys([index])[-1] == keys[2]
    assert (CocoKeys([index]).fullest, CocoKeys([]).fullest) == (3, 0)
    assert CocoKeys([index])[1:] == keys[1:]


def test_keys_of_several_files_follow_each_other(tmp_path: Path) -> None:
    first = index_coco(write_coco(tmp_path / "a.json", images=[image(1), image(2)]))
    nothing = index_coco(write_coco(tmp_path / "b.json", images=[]))
    last = index_coco(write_coco(tmp_path / "c.json", [annotation(image_id=3)], images=[image(3)]))
    keys = CocoKeys([first, nothing, last])
    assert [key.source for key in keys] == [0, 0, 2]
    assert len(keys[2].spans) == 16


def test_the_order_of_the_keys_of_a_file_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    value = {"annotations": [annotation(image_id="ё"), annotation(2, image_id="b")]}
    for ascii_only in (True, False):
        images = [image(1, id="b"), image(2, id="ё", file_name="ё.png")]
        file.write_text(json.dumps({**value, "images": images}, ensure_ascii=ascii_only), "utf-8")
        index = index_coco(file)
        found = [[each["id"] for each in annotations_of(index, file, key)] for key in CocoKeys([index])]
        assert found == [[2], [1]]


def test_ids_that_are_too_large_or_of_another_kind_are_taken_one_by_one(tmp_path: Path) -> None:
    ids = [1, 2**70, "x", None, -(2**63), True]
    index = index_coco(write_coco(tmp_path / "a.json", [annotation(ident) for ident in ids]))
    assert (len(index.spans), index.problems) == (len(ids), {})


def test_whole_floats_are_ids_as_pandas_writes_them(tmp_path: Path) -> None:
    index = index_coco(write_coco(tmp_path / "a.json", [annotation(image_id=1.0)]))
    assert (len(index.spans), index.orphans) == (1, ())


def test_annotations_of_no_image_are_told_under_a_key_of_their_own(tmp_path: Path) -> None:
    odd = [7, [], annotation(image_id=99), annotation(image_id=None), annotation(image_id=[1]), {}]
    index = index_coco(write_coco(tmp_path / "a.json", [annotation(), *odd]))
    keys = CocoKeys([index])
    assert len(keys) == 2
    problems = keys[1].problems
    assert len(problems) == 6
    assert "annotations[1] at byte" in problems[0]
    assert "is a number, not an object" in problems[0]
    assert sum("there is no image 99" in each for each in problems) == 1
    assert sum("its image_id is missing or null" in each for each in problems) == 2
    assert len(annotations_of(index, tmp_path / "a.json", keys[0])) == 1


def test_ids_that_are_there_twice_are_told_with_the_later_one(tmp_path: Path) -> None:
    annotations = [annotation(1), annotation("x"), annotation(1, image_id=2), annotation("x", image_id=2)]
    images = [image(1), image(2), image(2, file_name="3.png"), image(4, file_name="1.jpg")]
    index = index_coco(write_coco(tmp_path / "a.json", annotations, images=images))
    assert sorted(index.problems) == [1, 2, 3]
    assert ["same id 'x'" in each for each in index.problems[1]].count(True) == 1
    assert ["same id 1" in each for each in index.problems[1]].count(True) == 1
    assert "another image has the id 2 too" in index.problems[2][0]
    assert "'1.jpg' and '1.png' would be the same image" in index.problems[3][0]


def test_images_that_are_none_are_told(tmp_path: Path) -> None:
    index = index_coco(write_coco(tmp_path / "a.json", images=[3, {"file_name": "a.png"}, {"id": True}]))
    assert len(index.problems) == 3
    assert "is a number, not an object" in index.problems[0][0]
    assert "its id is missing or null" in index.problems[1][0]


def test_faults_of_the_file_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"images": {}, "images": [], "categories": 3, "videos": []}')
    index = index_coco(file)
    assert index.faults == (
        "'images' must be a list, not an object",
        "'categories' must be a list, not a number",
        "the key 'images' is there 2 times",
    )
    assert index.seen["top:videos"] == 1


def test_what_is_not_read_and_what_is_odd_is_counted(tmp_path: Path) -> None:
    annotations = [
        annotation(1, iscrowd=1, track_id=4),
        annotation(2, iscrowd=1, segmentation=[[0, 0, 1, 0, 1, 1]], ignore=1),
        annotation(3, attributes={"a": [1], "b": {}, "c": 1}),
    ]
    seen = index_coco(write_coco(tmp_path / "a.json", annotations, images=[image(coco_url="")])).seen
    assert (seen["crowds"], seen["crowds with runs"], seen["ignored"], seen["nested"]) == (2, 1, 1, 2)
    assert (seen["annotations:track_id"], seen["images:coco_url"]) == (1, 1)


def test_results_take_their_images_from_another_file(tmp_path: Path) -> None:
    truth = write_coco(tmp_path / "a.json", [annotation(), annotation(5)], images=[image(1), image(2)])
    file = tmp_path / "results.json"
    file.write_text(json.dumps([annotation(9, image_id=2), annotation(9, image_id=8)]))
    index = index_results(file, truth)
    keys = CocoKeys([index])
    assert [len(key.spans) for key in keys] == [0, 16, 0]
    assert "there is no image 8" in keys[2].problems[0]
    assert is_results(file)
    assert not is_results(truth)


def test_an_annotation_takes_few_bytes_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "BLOCK", 1 << 14)
    monkeypatch.setattr(json_stream, "MOST_TOGETHER", 10)
    count = 4000
    line = json.dumps(annotation())
    images = ",".join(json.dumps(image(number)) for number in range(count // 100))
    file = tmp_path / "a.json"
    with file.open("w") as target:
        target.write(f'{{"images": [{images}], "categories": [], "annotations": [')
        lines = (
            line.replace('"id": 1, "image_id": 1', f'"id": {n}, "image_id": {n % 40}') for n in range(count)
        )
        target.write(",\n".join(lines) + "]}")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    index = index_coco(file)
    held, most = (each - before for each in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    assert len(index.spans) == count
    assert held / count < 40
    assert most / count < 150
