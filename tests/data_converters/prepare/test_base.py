"""The contract of a task: modules are imported when they are used, and the options reach its `find`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.base import SHARES, Found, Part, Task


def test_a_task_imports_its_modules_when_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}

    def find(source: Path, *, options: ReadOptions) -> Found:
        told.update(source=source, options=options)
        return Found(parts=(Part(format="coco", source=source),), root=source)

    task = Task(name="x", module="a_task_of_tests", target="coco", summary="", demo="a_demo_of_tests")
    module, demo = ModuleType(task.module), ModuleType(task.demo)
    monkeypatch.setattr(module, "find", find, raising=False)
    monkeypatch.setitem(sys.modules, task.module, module)
    monkeypatch.setitem(sys.modules, task.demo, demo)
    options = ReadOptions(images=Path("pictures"))
    found = task.find(Path("download"), options=options)
    assert told == {"source": Path("download"), "options": options}
    assert found.parts[0].format == "coco"
    assert task.generator() is demo


def test_what_is_found_is_cut_by_the_usual_shares() -> None:
    first = Found(parts=(), root=Path())
    assert dict(first.shares) == dict(SHARES)
    assert first.shares is not SHARES, "one task could change the shares of all"
