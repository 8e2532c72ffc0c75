"""What a dry run says of the data: the run's own refusals first, then what no run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.data.checks import Seen
from segloop.data.coco_losses import Losses
from segloop.data.image_files import ImageFacts
from segloop.experiments.config import is_semantic
from segloop.experiments.data_checks import class_names, head_classes, plain_configs, require_data
from segloop.experiments.dry_run import instances, semantic
from segloop.experiments.dry_run.report import Report
from segloop.utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


@dataclass
class Data:
    """What was seen of the data of a run, by split."""

    usable: bool = True  # whether steps can be tried on them
    seen: dict[str, Seen] = field(default_factory=dict)
    facts: dict[str, dict[Path, ImageFacts]] = field(default_factory=dict)
    counts: dict[str, list[Losses | None]] = field(default_factory=dict)


def look_at_files(config: Config, splits: tuple[str, ...], report: Report) -> Data:
    """Check the files that a config names, as the run will; report what is in them."""
    data = Data()
    try:
        data.seen = require_data(config, splits)
    except UserError as error:
        report.refuse("data", error)
        data.usable = False
        return data
    for split, seen in data.seen.items():
        data.facts[split] = seen.images
        report.add(semantic.file_row(split, seen))
    for split in splits if not is_semantic(config) else ():
        loader = config.get(f"{split}_dataloader")
        facts, counts = data.facts.setdefault(split, {}), data.counts.setdefault(split, [])
        for dataset in plain_configs(loader["dataset"]) if isinstance(loader, Mapping) else ():
            first = split == splits[0]
            data.usable = data.usable and not isinstance(class_names(dataset), str)
            report.add(instances.coco_rows(split, dataset, facts=facts, counts=counts, first=first))
            if split != "train":
                report.add(instances.metric_rows(split, config.get(f"{split}_evaluator"), dataset))
        for losses in counts:
            loads = losses is None or (losses.images_kept and not {"keys", "same-id"} & set(losses.faults))
            data.usable = data.usable and bool(loads)
    return data


def look_at_loaded(datasets: Mapping[str, Any], config: Config, data: Data, report: Report) -> None:
    """Report what became of the files once they were loaded: classes, colours, pixels, instances."""
    parts = {split: list(_leaves(dataset)) for split, dataset in datasets.items()}
    if not is_semantic(config):
        for split, counts in data.counts.items():
            for dataset, losses in zip(parts.get(split, ()), counts, strict=False):
                if losses is not None:
                    report.add(instances.loaded_rows(split, dataset, losses))
        return
    infos = {split: found[0].metainfo for split, found in parts.items() if hasattr(found[0], "metainfo")}
    if infos:
        report.add(semantic.class_rows(infos, list(head_classes(config.model))))
    for split, found in parts.items():
        for dataset in found if split not in data.seen else ():
            seen = semantic.look_at_loaded(dataset)
            if seen is not None:
                data.seen[split] = seen
                data.facts[split] = seen.images
                report.add(semantic.file_row(split, seen))
                report.add(semantic.finding_rows(split, seen))
        if split in data.seen and hasattr(found[0], "label_map"):
            report.add(semantic.pixel_rows(split, list(data.seen[split].masks.values()), found[0]))


def _leaves(dataset: Any) -> list[Any]:
    """Return the data sets inside of wrappers that were built."""
    if getattr(dataset, "datasets", None):
        return [leaf for part in dataset.datasets for leaf in _leaves(part)]
    return _leaves(dataset.dataset) if hasattr(dataset, "dataset") else [dataset]
