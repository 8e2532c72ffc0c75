"""The configs that mmsegmentation and mmdetection bring pass; benchmarks/strict_zoo.py checks all of them."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
from mmengine.config import Config

from segloop.experiments.strict import examine


def handful(package: str, *, count: int) -> list[Path]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0]) / ".mim/configs"
    found = sorted(path for path in root.rglob("*.py") if "_base_" not in path.parts)
    return random.Random(4).sample(found, count)


HANDFUL = handful("mmseg", count=4) + handful("mmdet", count=4)


@pytest.mark.parametrize("path", HANDFUL, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_refuses_no_config_of_the_zoos(path: Path) -> None:
    try:
        config = Config.fromfile(str(path))
    except ImportError as error:
        pytest.skip(str(error))
    assert examine(config, path=path).faults == []
