"""The examples in docstrings come out as they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
FILES = sorted(
    file
    for base in (HOME / "src", HOME / "data_converters")
    for file in base.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HOME).as_posix())
def test_examples_come_out_as_they_say(file: Path) -> None:
    base = HOME / "src" if file.is_relative_to(HOME / "src") else HOME
    parts = file.relative_to(base).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    assert doctest.testmod(module).failed == 0
