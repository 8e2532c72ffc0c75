"""What `make bench` runs begins without an argument and without a data set: the others say what they need."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "benchmarks").glob("[a-z]*.py"))
ALONE = [file for file in SCRIPTS if "\nNeeds: " not in file.read_text(encoding="utf-8")]


def is_required(call: ast.Call) -> bool:
    """Return whether an argument of a parser has to be given."""
    told = {each.arg: ast.unparse(each.value) for each in call.keywords}
    is_flag = ast.unparse(call.args[0])[1] == "-"
    return told.get("required") == "True" if is_flag else told.get("nargs") not in ("'?'", "'*'")


@pytest.mark.parametrize("file", ALONE, ids=lambda file: file.stem)
def test_a_script_that_says_nothing_of_needs_has_none(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    calls = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)]
    arguments = [each for each in calls if ast.unparse(each.func).endswith(".add_argument")]
    assert not [ast.unparse(each) for each in arguments if is_required(each)]
    assert "source_parser(" not in text, "it has to be given a data set"
    assert 'Path("data' not in text, "it reads a prepared set"
    assert "__main__" in text, "it is no script"
