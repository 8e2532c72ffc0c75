"""Meta says what labels, tasks and subsets there are, and is written as it was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_converters.cvat_index import index_file
from data_converters.cvat_meta import Meta, meta_text, read_meta, subset_of, text_of, value_of
from segloop.data.annotations import Attribute, Label
from tests.data_converters.cvat_cases import PROJECT, TASK, VIDEO, write_xml


def meta_of(folder: Path, text: str) -> Meta:
    root = index_file(write_xml(folder, text)).meta
    assert root is not None
    return read_meta(root)


def with_labels(labels: str) -> str:
    return f"<annotations><meta><task><labels>{labels}</labels></task></meta></annotations>"


def test_tasks_of_each_kind_of_export(tmp_path: Path) -> None:
    task = meta_of(tmp_path, TASK)
    assert task.subset == "train"
    (one,) = task.tasks
    assert (one.number, one.subset, one.frames, one.size_hw) == ("7", "train", range(2), None)
    project = meta_of(tmp_path, PROJECT)
    assert (project.subset, project.facts) == (None, {"name": "all"})
    assert [(each.number, each.subset) for each in project.tasks] == [("11", "train"), ("12", "val")]
    video = meta_of(tmp_path, VIDEO)
    assert (video.subset, video.tasks[0].frames, video.tasks[0].size_hw) == (None, range(4), (10, 20))
    job = VIDEO.replace("task>", "job>").replace("</source>\n    </job>", "</source>\n    </job>")
    assert meta_of(tmp_path, job).tasks[0].size_hw == (10, 20)


def test_skeletons_keep_their_parts_and_pictures(tmp_path: Path) -> None:
    meta = meta_of(tmp_path, TASK)
    assert [each.name for each in meta.labels] == ["road", "car: small", "person"]
    assert "data-label-name" in meta.facts["cvat_skeleton_pictures"]["person"]
    (head,) = meta.facts["cvat_sublabels"]
    assert {"name": "parent", "text": "person", "inner": []} in head["inner"]
    text = meta_text(meta.labels, declared={}, subsets=(), count=2, facts=meta.facts)
    again = meta_of(tmp_path, f"<annotations>\n{text}</annotations>")
    assert (again.labels, again.facts) == (meta.labels, meta.facts)


def test_the_identity_is_no_attribute(tmp_path: Path) -> None:
    meta = meta_of(tmp_path, TASK)
    assert [each.name for each in meta.labels[0].attributes] == ["quality", "lanes", "wet"]
    assert meta.kinds["road"] == {"quality": "select", "lanes": "number", "wet": "checkbox", "uid": "text"}


def test_attributes_of_version_1_0(tmp_path: Path) -> None:
    old = "<attribute>@select=quality:good,bad</attribute><attribute>~checkbox=wet:false</attribute>"
    meta = meta_of(tmp_path, with_labels(f"<label><name>a</name><attributes>{old}</attributes></label>"))
    assert meta.labels[0].attributes == (
        Attribute("quality", "select", ("good", "bad"), "good"),
        Attribute("wet", "checkbox", ("false",), "false", mutable=True),
    )


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    attribute = "<attribute><name>n</name><input_type>range</input_type></attribute>"
    labels = (
        f"<label><name>a</name><color>red</color><attributes>{attribute}</attributes></label>"
        "<label><name>a</name></label><label><color>#ffffff</color></label>"
    )
    meta = meta_of(tmp_path, with_labels(labels))
    assert meta.problems == ["label 'a' is declared twice in <meta>", "a label in <meta> has no name"]
    assert meta.told == [
        "attribute 'n' of label 'a' is of the unknown kind 'range'; it was read as text",
        "the colour 'red' of label 'a' is no #rrggbb",
    ]
    assert meta.labels == [Label("a", None, (Attribute("n"),))]


def test_absurd_frame_sizes_are_no_sizes(tmp_path: Path) -> None:
    huge = VIDEO.replace("<width>20<", "<width>99999999<").replace("<height>10<", "<height>99999999<")
    meta = meta_of(tmp_path, huge)
    assert meta.tasks[0].size_hw is None
    assert meta.problems == ["frames of 99999999x99999999 pixels; the limit is 268435456 in all"]
    assert meta_of(tmp_path, VIDEO.replace("<width>20<", "<width>-1<")).tasks[0].size_hw is None


def test_a_project_where_there_are_subsets(tmp_path: Path) -> None:
    text = meta_text([Label("a")], declared={"a": ["x", "y"]}, subsets=("train", "v & w"), count=2, facts={})
    assert "<subsets>train\nv &amp; w</subsets>" in text
    meta = meta_of(tmp_path, f"<annotations>\n{text}</annotations>")
    assert meta.labels == [Label("a", attributes=(Attribute("x"), Attribute("y")))]
    assert meta.tasks == []


@given(
    st.one_of(st.integers(-(10**14), 10**14), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
)
def test_values_come_back_with_their_kind(value: float) -> None:
    kind = "checkbox" if isinstance(value, bool) else "number"
    again = value_of(text_of(value), kind)
    assert (again, type(again)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["007", "1.50", "-0", "+1", " 1", "1e5", "nan", "inf", "", "1_0", "True", "٣"]
)
def test_texts_that_would_be_written_otherwise_stay_texts(text: str) -> None:
    assert value_of(text, "number") == text
    assert value_of(text, "checkbox") == text


def test_the_subset_that_cvat_makes_up() -> None:
    assert [subset_of(name) for name in (None, "", "default", "train")] == [None, None, None, "train"]
