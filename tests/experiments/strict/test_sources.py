"""A config's own text tells its variables from misspelt keys, and where each key is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.experiments.strict.sources import Sources, dotted

BASE = """\
width = 3
pipeline = [
    dict(type='A'),
    dict(type='B', size=width),
]
loader = dict(
    batch=1,
    dataset=dict(pipeline=pipeline),
)
model = {'head': dict(width=width)}
unused = 1
"""


@pytest.fixture
def leaf(tmp_path: Path) -> Path:
    (tmp_path / "base.py").write_text(BASE)
    path = tmp_path / "leaf.py"
    path.write_text("_base_ = './base.py'\nloader = dict(\n    batch=2)\nwidth = 4\nnew = 1\nother = new\n")
    return path


def test_tells_variables_from_the_rest(leaf: Path) -> None:
    sources = Sources(leaf)
    assert sources.names() == {"width", "pipeline", "new"}
    assert not sources.uses("unused")
    assert not sources.flattened


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("loader", "batch"), "leaf.py:3"),
        (("loader", "dataset", "pipeline", 1, "size"), "base.py:4"),
        (("loader", "dataset", "pipeline", 1, "nowhere"), "base.py:4"),
        (("model", "head", "width"), "base.py:10"),
        (("model", "nowhere"), "base.py:10"),
    ],
)
def test_finds_where_a_key_is_set(leaf: Path, keys: tuple, place: str) -> None:
    assert Sources(leaf).where(keys) == str(leaf.parent / place)


def test_finds_nothing_for_a_key_that_no_file_sets(leaf: Path) -> None:
    assert Sources(leaf).where(("nowhere",)) is None


def test_finds_variables_set_after_they_were_used(leaf: Path) -> None:
    (lost,) = Sources(leaf).lost({"loader", "model", "other"})
    assert lost.name == "width"
    assert lost.place == f"{leaf}:4"
    assert [dotted(keys) for keys in lost.targets] == ["loader.dataset.pipeline.1.size", "model.head.width"]


def test_reads_base_variables_and_environment(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("root = '{{$HOME:x}}'\nsize = {{$SIZE:3}}\ntasks = [n for n in ()]\n")
    (tmp_path / "leaf.py").write_text(
        "_base_ = ['base.py']\nmodel = dict(a={{_base_.size}}, b=_base_.root)\n"
    )
    sources = Sources(tmp_path / "leaf.py")
    assert sources.names() == {"root", "size"}
    assert sources.targets("size", {"model"}) == (("model", "a"),)
    assert sources.where(("model", "a", "x")) == f"{tmp_path / 'base.py'}:2"
