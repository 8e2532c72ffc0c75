"""A config's text reads back to the same values, and is made once."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.experiments.config import load_config
from segloop.experiments.config_text import config_text, readable


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    values = dict(a=math.inf, b=[-math.inf, dict(é="inf", c=math.nan)], d=(1, "x"), e={1: None, "f-g": 1e-8})
    path = tmp_path / "config.py"
    path.write_text(config_text(values))
    found = Config.fromfile(path).to_dict()
    assert math.isnan(found["b"][1].pop("c"))
    values["b"][1].pop("c")  # type: ignore[index]
    assert found == values
    assert readable("inf = 1\na = dict(nan=2)\n") == "inf = 1\na = dict(nan=2)\n"


def test_keys_that_are_words_of_python_read_back(tmp_path: Path) -> None:
    values = dict(a={"class": 1, "in": [math.inf]}, b={None: "x"}, c=(1, {True: 2}))
    path = tmp_path / "config.py"
    path.write_text(config_text(values))
    assert Config.fromfile(path).to_dict() == values


def test_a_text_is_formatted_once_until_the_config_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaf.py").write_text("a = dict(b=inf)\n".replace("inf", "1234567"))
    formatted = []
    plain = Config.pretty_text.fget

    def count(config: Config) -> str:
        formatted.append(1)
        return plain(config)

    monkeypatch.setattr(Config, "pretty_text", property(count))
    config = load_config(tmp_path / "leaf.py")
    assert "b=1234567" in config.pretty_text
    assert deepcopy(config).pretty_text == config.dump() == config.pretty_text
    assert len(formatted) == 1
    config.a.b = 7654321
    assert "b=7654321" in config.pretty_text
    assert len(formatted) == 2
