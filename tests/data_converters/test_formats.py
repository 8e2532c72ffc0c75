"""The table of formats keeps its word."""

from __future__ import annotations

import ast
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from data_converters.base import ReadOptions, WriteOptions
from data_converters.formats import FORMATS, find_format
from segloop.utils.errors import UserError


def test_a_misspelt_format_is_guessed() -> None:
    with pytest.raises(UserError, match="Did you mean 'airbus'"):
        find_format("airbuss")


@pytest.mark.parametrize("name", FORMATS)
def test_each_module_has_what_the_table_says(name: str) -> None:
    form = FORMATS[name]
    if find_spec(form.module) is None:
        pytest.skip("not written yet")
    module = __import__(form.module, fromlist=["read"])
    assert hasattr(module, "read") == form.reads
    assert hasattr(module, "writer") == form.writes


def modules_of(name: str, found: set[str]) -> set[str]:
    """Return a module of the package and those that it imports, but for those that all formats share."""
    file = Path(__file__).parents[2] / "data_converters" / f"{name}.py"
    if name not in found and name not in ("base", "formats", "features", "report"):
        found.add(name)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("data_converters."):
                modules_of((node.module or "").rpartition(".")[2], found)
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_the_options_of_a_format_are_those_that_its_code_asks_for(name: str) -> None:
    form = FORMATS[name]
    if find_spec(form.module) is None:
        pytest.skip("not written yet")
    asked = set()
    for module in modules_of(form.module.rpartition(".")[2], set()):
        source = Path(__file__).parents[2] / "data_converters" / f"{module}.py"
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            owner = node.value if isinstance(node, ast.Attribute) else None
            if isinstance(owner, ast.Attribute | ast.Name) and ast.unparse(owner).endswith("options"):
                asked.add(node.attr)
    asked -= {"progress"}  # how far it is, told to whoever calls: no choice of a user
    asked -= {"keep_crowds"} if name == "coco" else set()  # it always keeps them; cvat-coco asks
    known = {each.name for options in (ReadOptions, WriteOptions) for each in fields(options)}
    assert {*form.read_options, *form.write_options} == asked & known
