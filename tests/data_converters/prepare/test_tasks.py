"""The table of tasks: every name the design has, targets that are made, mistakes told in words."""

from __future__ import annotations

import pytest

from data_converters.prepare.base import TARGETS
from data_converters.prepare.tasks import TASKS, find_task
from segloop.utils.errors import UserError


def test_all_tasks_are_there_under_their_names() -> None:
    assert list(TASKS) == ["multiclass", "ships", "cells", "cityscapes", "spacecraft"]
    assert {each.target for each in TASKS.values()} <= set(TARGETS)
    assert [name for name, each in TASKS.items() if each.name != name] == []


def test_a_misspelt_task_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no task 'shps'; choose multiclass, ships.*Did you mean 'ships'"):
        find_task("shps")
