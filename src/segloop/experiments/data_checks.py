"""Makes sure, before a run starts, that the data its config names are there and can be used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.checks import check_semantic, raise_findings
from segloop.data.demo import DEMOS
from segloop.data.info import FILE_NAME
from segloop.data.layout import Layout
from segloop.utils.errors import ConfigError, DataError
from segloop.utils.progress import counted

if TYPE_CHECKING:
    from mmengine.config import Config


def draw_demo(config: Config) -> None:
    """Draw the demo set if the config says `demo = dict(task=…, root=…, seed=…)` and the root is missing."""
    demo = config.get("demo")
    if not demo or Path(demo["root"]).exists():
        return
    if demo["task"] not in DEMOS:
        raise ConfigError(f"There is no demo set {demo['task']!r}; there are: {', '.join(DEMOS)}.")
    if not _reads(config, Path(demo["root"])):
        return  # a child config that brings its own data, and inherited this key
    print(f"Drawing the demo set {demo['task']!r} into {demo['root']}", file=sys.stderr)
    with counted("scenes") as progress:
        DEMOS[demo["task"]](demo["root"], seed=demo.get("seed", 0), progress=progress)


def check_semantic_loader(loader: Any, config: Config) -> None:
    """Check the splits that a data loader's config names; what is wrong with one is told together."""
    for dataset in plain_configs(loader["dataset"]):
        if dataset.get("type") == "SemanticDataset":
            _check_semantic_dataset(dataset, config)


def _check_semantic_dataset(dataset: Any, config: Config) -> None:
    root, split = dataset["data_root"], dataset.get("split", "train")
    layout = Layout.find(root, split, dataset)  # with its LIST: what is not trained on may be broken
    classes = require_classes(config, layout)
    with counted("files checked") as progress:
        findings = check_semantic(
            root,
            {split: layout},
            num_classes=classes,
            ignore_index=layout.ignore_index,
            reduce_zero_label=dataset.get("reduce_zero_label", False),
            progress=progress,
        )
    raise_findings(findings)


def require_classes(config: Config, layout: Layout) -> int:
    """Return the number of classes; refuse a model that predicts another number than the data have."""
    names = layout.metainfo.get("classes")
    if not names:
        raise DataError(
            f"{layout.root} has no {FILE_NAME}, and the config names no classes: "
            "set metainfo=dict(classes=[…], palette=[…]) in each data set of the config."
        )
    head = config.model.get("decode_head") or {}
    for part in head if isinstance(head, list) else [head]:
        predicted = part.get("num_classes")
        if predicted is not None and predicted != len(names):
            raise ConfigError(
                f"model.decode_head.num_classes is {predicted}, but the data have {len(names)} classes: "
                f"{', '.join(map(str, names))}."
            )
    return len(names)


def plain_configs(dataset: Any) -> list[Any]:
    """Return the data sets inside wrappers that repeat, mix or join."""
    if "datasets" in dataset:
        return [plain for part in dataset["datasets"] for plain in plain_configs(part)]
    return plain_configs(dataset["dataset"]) if "dataset" in dataset else [dataset]


def innermost(dataset: Any) -> Any:
    """Return the data set inside wrappers such as RepeatDataset."""
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset


def data_root(config: Config, *, split: str = "train") -> Path | None:
    """Return the folder of the data that a config's loader names, where it names one."""
    loader = config.get(f"{split}_dataloader")
    root = innermost(loader["dataset"]).get("data_root") if loader else None
    return Path(root) if root else None


def _reads(config: Config, root: Path) -> bool:
    roots = (data_root(config, split=split) for split in ("train", "val", "test"))
    return root in [found for found in roots if found]
