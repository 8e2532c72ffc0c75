"""k-fold by config: `kfold = dict(fold=2, folds=5)` trains on the other folds and validates on that one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segloop.data.checks import count_values
from segloop.data.groups import groups_of
from segloop.data.index_masks import reduced
from segloop.data.layout import Layout, image_ids, missing_folder
from segloop.data.splits import Cut, class_columns, k_folds
from segloop.experiments.coco_folds import CocoFile, merge
from segloop.experiments.config import FOLDS
from segloop.experiments.data_checks import innermost, is_ours, settled
from segloop.utils.atomic import write_json, write_text
from segloop.utils.errors import ConfigError, DataError, listing
from segloop.utils.lists import list_line
from segloop.utils.progress import counted

if TYPE_CHECKING:
    from mmengine.config import Config

FOLDER = "folds"
SOURCE_KEYS = (
    *("data_root", "data_prefix", "img_suffix", "seg_map_suffix", "ignore_index", "metainfo"),
    *("reduce_zero_label", "split"),
)


@dataclass(frozen=True)
class KFold:
    """What `kfold` in a config asks for; folds are counted from 1."""

    fold: int
    folds: int = FOLDS
    seed: int = 0
    splits: tuple[str, ...] = ("train",)
    group: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> KFold | None:
        """Read a config's `kfold`; None where there is none."""
        asked = config.get("kfold")
        if not asked:
            return None
        if asked.get("fold") is None:
            raise ConfigError("kfold needs the fold to validate on: kfold.fold=1")
        splits = asked.get("splits", cls.splits)
        found = cls(
            fold=asked["fold"],
            folds=asked.get("folds", cls.folds),
            seed=asked.get("seed", cls.seed),
            splits=(splits,) if isinstance(splits, str) else tuple(splits),
            group=asked.get("group"),
        )
        wrong = [
            f"kfold.{name}={value!r} is no whole number"
            for name, value in (("fold", found.fold), ("folds", found.folds), ("seed", found.seed))
            if type(value) is not int
        ]
        if not wrong and not (found.folds >= 2 and 1 <= found.fold <= found.folds):
            wrong.append(
                f"kfold.fold={found.fold} of {found.folds}: folds are counted from 1, and are 2 or more"
            )
        if not found.splits or len(set(found.splits)) < len(found.splits):
            wrong.append(f"kfold.splits={list(found.splits)} names no split, or one twice")
        if wrong:
            raise ConfigError("\n".join(wrong))
        return found


def with_folds(config: Config, *, folder: Path | None = None) -> Config:
    """Return a config whose loaders train on all folds but one and validate on that one.

    Without `kfold` it is the config itself. Which image is in which part is written to `folder`, by default
    `<work_dir>/folds`: LIST files, or COCO files, which the loaders then read; `folds.json` says how even
    the folds are.
    """
    asked = KFold.of(config)
    if asked is None:
        return config
    for name in ("train_dataloader", "val_dataloader", "val_evaluator"):
        if config.get(name) is None:
            raise ConfigError(f"kfold trains on some folds and validates on one; the config has no {name}.")
    sources = [(split, _source(config, split)) for split in asked.splits]
    roots = sorted({str(source.get("data_root") or "") for _, source in sources})
    if len(roots) > 1:
        raise ConfigError(f"The splits of kfold lie in several folders: {', '.join(roots)}.")
    folded = deepcopy(config)
    folded.val_evaluator = deepcopy(config.val_evaluator)  # which may be the test's as well
    place = folder or Path(config.work_dir) / FOLDER
    kinds = {_kind(source) for _, source in sources}
    if kinds == {"semantic"}:
        _fold_semantic(folded, asked, sources, folder=place)
    elif kinds == {"coco"}:
        _fold_coco(folded, asked, sources, folder=place)
    else:
        types = sorted({str(source.get("type")) for _, source in sources})
        raise ConfigError(
            f"kfold works with SemanticDataset and with data sets of COCO files, not with {', '.join(types)}."
        )
    return folded


def _kind(source: Mapping[str, Any]) -> str:
    if source.get("type") == "SemanticDataset":
        return "semantic"
    return "coco" if str(source.get("ann_file") or "").endswith(".json") else "other"


def _source(config: Config, split: str) -> dict[str, Any]:
    """Return the data set that stands for a split: a loader's, by its split or its name; else train's."""
    loaders = {name: config.get(f"{name}_dataloader") for name in ("train", "val", "test")}
    inner = {name: innermost(loader["dataset"]) for name, loader in loaders.items() if loader}
    for name, dataset in inner.items():
        if dataset.get("split", name) == split:
            return settled(dataset)
    if is_ours(inner["train"]):
        return settled({**inner["train"], "split": split})
    if _kind(inner["train"]) == "semantic":
        return {k: v for k, v in inner["train"].items() if k not in ("ann_file", "data_prefix")} | {
            "split": split
        }
    raise ConfigError(f"kfold.splits: the config has no {split}_dataloader.")


def _fold_semantic(
    config: Config, asked: KFold, sources: Sequence[tuple[str, dict]], *, folder: Path
) -> None:
    places: list[tuple[str, str]] = []  # split and image_id, of all images that take part
    pixels: list[dict[int, int]] = []
    names: list[str] = []
    for split, source in sources:
        layout = Layout.find(source["data_root"], split, source)
        if not layout.images.is_dir():
            raise missing_folder(layout.images)
        ids = sorted(image_ids(layout.images, layout.image_suffixes)) if layout.only is None else layout.only
        with counted("masks counted") as progress:
            found = count_values(layout.root, layout.mask_files(ids), progress=progress)
        pixels += map(_reduced, found) if source.get("reduce_zero_label") else found
        places += [(split, image_id) for image_id in ids]
        names = list(layout.metainfo.get("classes") or ())
    counts = np.array([[values.get(value, 0) for value in range(len(names))] for values in pixels])
    cut = _cut(asked, places, counts, names, root=sources[0][1]["data_root"])
    _write_report(folder, asked, cut)
    for part, inside in _parts(cut, asked):
        base = innermost(config[f"{part}_dataloader"]["dataset"])
        datasets = []
        for split, source in sources:
            ids = [image_id for image_id in inside if len(sources) == 1 or image_id.startswith(f"{split}/")]
            if ids:
                path = folder / (f"{part}.txt" if len(sources) == 1 else f"{part}-{split}.txt")
                _write_list(path, [_bare(image_id, sources) for image_id in ids])
                kept = {key: source[key] for key in SOURCE_KEYS if key in source}
                datasets.append({**base, **kept, "ann_file": _from_root(path, source["data_root"])})
        _replace_innermost(
            config[f"{part}_dataloader"],
            datasets[0] if len(datasets) == 1 else {"type": "ConcatDataset", "datasets": datasets},
        )


def _reduced(values: Mapping[int, int]) -> dict[int, int]:
    """Return counts of a mask's values as they are loaded: 0 is ignored, and others move down by one."""
    return {reduced(value): count for value, count in values.items() if reduced(value) != 255}


def _fold_coco(config: Config, asked: KFold, sources: Sequence[tuple[str, dict]], *, folder: Path) -> None:
    root = sources[0][1].get("data_root") or ""
    files = [CocoFile.read(split, source) for split, source in sources]
    names = files[0].categories
    if any(file.categories != names for file in files):
        raise DataError("The annotation files of kfold's splits differ in their categories.")
    places = [(file.split, image_id) for file in files for image_id in file.image_ids]
    counts = np.concatenate([file.instances() for file in files])
    cut = _cut(asked, places, counts, names, root=root or ".")
    _write_report(folder, asked, cut)
    for part, inside in _parts(cut, asked):
        wanted = set(inside)
        content, prefix = merge(
            [(file, [i for i in file.image_ids if _full(file.split, i, sources) in wanted]) for file in files]
        )
        path = folder / f"{part}.json"
        write_text(path, json.dumps(content, ensure_ascii=False) + "\n")
        base = innermost(config[f"{part}_dataloader"]["dataset"])
        if part == "val":
            _replace_annotations(config.val_evaluator, former=files_of(settled(base)), path=path)
        kept = {key: sources[0][1][key] for key in ("data_root", "metainfo") if key in sources[0][1]}
        base = {**base, **kept, "ann_file": _from_root(path, root), "data_prefix": prefix}
        _replace_innermost(config[f"{part}_dataloader"], base)


def files_of(dataset: Mapping[str, Any]) -> Path:
    """Return the annotation file that a data set's config names."""
    return Path(dataset.get("data_root") or "") / str(dataset.get("ann_file") or "")


def _cut(
    asked: KFold, places: Sequence[tuple[str, str]], counts: np.ndarray, names: Sequence[str], *, root: str
) -> Cut:
    several = len(asked.splits) > 1
    return k_folds(
        [f"{split}/{image_id}" if several else image_id for split, image_id in places],
        asked.folds,
        columns=class_columns(counts.reshape(len(places), len(names)), names),
        groups=groups_of([image_id for _, image_id in places], asked.group, root=root),
        seed=asked.seed,
    )


def _parts(cut: Cut, asked: KFold) -> Iterator[tuple[str, list[str]]]:
    val = cut.parts[str(asked.fold)]
    yield "train", sorted(set(cut.part_of()) - set(val))
    yield "val", list(val)


def _full(split: str, image_id: str, sources: Sequence[Any]) -> str:
    return f"{split}/{image_id}" if len(sources) > 1 else image_id


def _bare(image_id: str, sources: Sequence[Any]) -> str:
    return image_id.partition("/")[2] if len(sources) > 1 else image_id


def _write_report(folder: Path, asked: KFold, cut: Cut) -> None:
    report = {
        "fold": asked.fold,
        "folds": asked.folds,
        "seed": asked.seed,
        "splits": list(asked.splits),
        "group": dict(asked.group) if asked.group else None,
        "images": {part: len(ids) for part, ids in cut.parts.items()},
        "groups": dict(cut.groups),
        "shares": {
            column: {part: round(share, 6) for part, share in shares.items()}
            for column, shares in cut.shares.items()
        },
        "unevenness": {column: round(value, 6) for column, value in cut.unevenness().items()},
    }
    write_json(folder / "folds.json", report)


def _write_list(path: Path, ids: Iterable[str]) -> None:
    ids = list(ids)
    lines = [list_line(image_id) for image_id in ids]
    odd = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    if odd:
        raise DataError(
            "A list cannot name images whose names begin or end with a blank or are no UTF-8 text; rename "
            f"them:\n{listing(odd)}"
        )
    write_text(path, "".join(f"{line}\n" for line in lines))


def _from_root(path: Path, root: str) -> str:
    """Return a path as seen from a data set's root, where the data sets look for it."""
    return Path(os.path.relpath(path.resolve(), Path(root or ".").resolve())).as_posix()


def _replace_innermost(loader: Any, dataset: Mapping[str, Any]) -> None:
    """Put another data set in the place of the one inside a loader's wrappers."""
    holder = loader
    while "dataset" in holder["dataset"]:
        holder = holder["dataset"]
    holder["dataset"] = dataset


def _replace_annotations(evaluators: Any, *, former: Path, path: Path) -> None:
    """Let the metrics that read the former annotation file read the fold's."""
    for metric in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
        if metric.get("ann_file") and Path(metric["ann_file"]).resolve() == former.resolve():
            metric["ann_file"] = str(path)
