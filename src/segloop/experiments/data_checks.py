"""Makes sure, before a run starts, that the data its config names are there and can be used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.checks import check_semantic, raise_findings
from segloop.data.demo import DEMOS
from segloop.utils.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config


def draw_demo(config: Config) -> None:
    """Draw the demo set if the config says `demo = dict(task=…, root=…, seed=…)` and the root is missing."""
    demo = config.get("demo")
    if not demo or Path(demo["root"]).exists():
        return
    if demo["task"] not in DEMOS:
        raise ConfigError(f"There is no demo set {demo['task']!r}; there are: {', '.join(DEMOS)}.")
    print(f"Drawing the demo set {demo['task']!r} into {demo['root']} …", file=sys.stderr)
    DEMOS[demo["task"]](demo["root"], seed=demo.get("seed", 0))


def check_semantic_loader(loader: Any, config: Config) -> None:
    """Check the split that a data loader's config names; what is wrong is told together."""
    dataset = innermost(loader["dataset"])
    if dataset.get("type") != "SemanticDataset":
        return
    raise_findings(
        check_semantic(
            dataset["data_root"],
        )
    )


def innermost(dataset: Any) -> Any:
    """Return the data set inside wrappers such as RepeatDataset."""
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset
