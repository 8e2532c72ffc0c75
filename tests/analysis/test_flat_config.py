"""A config is read as data, whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.flat_config import no_value, read_flat_config
from segloop.utils.errors import FormatError


def test_code_is_not_run_and_is_told_as_text_or_as_asked(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text(
        "import os\nos.abort()\nmodel = dict(a={-1: (1, dict(b=None))}, c=[n * 2])\nx = y = 3\nd.e = 4\n"
    )
    assert read_flat_config(file) == {"model": {"a": {-1: (1, {"b": None})}, "c": ["n * 2"]}}
    assert read_flat_config(file, code=no_value)["model"]["c"] == [None]


def test_a_file_that_is_no_config_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read as a config"):
        read_flat_config(tmp_path / "none.py")
    (tmp_path / "broken.py").write_text("model = dict(\n")
    with pytest.raises(FormatError, match="cannot be read as a config"):
        read_flat_config(tmp_path / "broken.py")
