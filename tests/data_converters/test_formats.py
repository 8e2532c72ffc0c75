"""The table of formats keeps its word."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

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
