"""Makes sure, before a run starts, that the data its config names are there and can be used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop import ops
from segloop.data.checks import Legal, Seen, describe, in_order, look_over
from segloop.data.coco_losses import compare_names, read_coco
from segloop.data.demo import MakeDemo
from segloop.data.fact_store import FactStore, short_path
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.index_masks import reduced
from segloop.data.info import FILE_NAME
from segloop.data.instance_labels import InstanceSource, load_split
from segloop.data.instance_masks import mask_problems
from segloop.data.layout import Layout, missing_folder
from segloop.experiments.config import is_semantic
from segloop.utils.errors import ConfigError, DataError, UserError, listing, nearest, together
from segloop.utils.progress import counted
from segloop.utils.quiet import silent_imports

if TYPE_CHECKING:
    from mmengine.config import Config

# Heads that tell something else than the classes of the data.
OTHER_HEADS = ("rpn_head", "semantic_head")
OTHER_KINDS = ("STDCHead", "Grounding", "Loss")
IGNORED = 255  # by heads, padding and metrics, unless a config says otherwise
SCORING = ("SegLoopSemanticMetric", "SegLoopShipsMetric", "IoUMetric")


def draw_demo(config: Config, make_demo: MakeDemo | None) -> None:
    """Make the demo set if the config says `demo = dict(task=…, root=…, seed=…)` and the root is missing."""
    demo = config.get("demo")
    if make_demo is None or not demo or Path(demo["root"]).exists():
        return
    if not _reads(config, Path(demo["root"])):
        return  # a child config that brings its own data, and inherited this key
    print(f"Drawing the demo set {demo['task']!r} into {demo['root']}", file=sys.stderr)
    make_demo(demo["task"], demo["root"], seed=demo.get("seed", 0))


def require_data(config: Config, splits: Sequence[str]) -> dict[str, Seen]:
    """Refuse data that these loaders of a config cannot use, all that is wrong told together.

    Return what was seen of each split's files where the data set is a `SemanticDataset`.
    """
    loaders = {split: config.get(f"{split}_dataloader") for split in splits}
    loaders = {split: loader for split, loader in loaders.items() if isinstance(loader, Mapping)}
    seen: dict[str, Seen] = {}
    wrong: list[UserError] = []
    for split, loader in loaders.items():
        try:
            if not is_semantic(config):
                require_instances(config, loader)
            elif (files := look_over_loader(loader, config)) is not None:
                seen[split] = files
        except UserError as error:
            wrong.append(error)
    findings = in_order([finding for files in seen.values() for finding in files.findings])
    if findings:
        wrong.insert(0, DataError(describe(findings)))
    if wrong:
        raise together(wrong)
    return seen


def look_over_loader(loader: Any, config: Config) -> Seen | None:
    """Check the splits that a data loader's config names; None where there is no set of ours."""
    seen = [
        _look_over_dataset(dataset, config)
        for dataset in plain_configs(loader["dataset"])
        if dataset.get("type") == "SemanticDataset"
    ]
    if not seen:
        return None
    return Seen(
        [finding for each in seen for finding in each.findings],
        {file: facts for each in seen for file, facts in each.images.items()},
        {file: facts for each in seen for file, facts in each.masks.items()},
    )


def _look_over_dataset(dataset: Any, config: Config) -> Seen:
    root, split = dataset["data_root"], dataset.get("split", "train")
    layout = Layout.find(root, split, dataset)  # with its LIST: what is not trained on may be broken
    legal = Legal(
        num_classes=require_classes(config, layout),
        ignore_index=layout.ignore_index,
        reduce_zero_label=dataset.get("reduce_zero_label", False),
    )
    with counted("files checked") as progress:
        seen = look_over(Path(root), {split: layout}, legal=legal, progress=progress)
    ignored = legal.ignore_index
    if any(ignored in facts.values for facts in seen.masks.values()):
        _require_ignored(config, reduced(ignored) if legal.reduce_zero_label else ignored)
    return seen


def require_classes(config: Config, layout: Layout) -> int:
    """Return the number of classes; refuse a model that predicts another number than the data have."""
    names = layout.metainfo.get("classes")
    if not names and not layout.images.is_dir():
        raise missing_folder(layout.images)
    if not names:
        raise DataError(
            f"{layout.root} has no {FILE_NAME}, and the config names no classes: "
            "set metainfo=dict(classes=[…], palette=[…]) in each data set of the config."
        )
    if len(names) == 1:
        raise ConfigError(
            f"The data have one class, {names[0]}: with nothing to tell it from, a semantic model learns "
            "nothing. Name what is around it as a class of its own, such as background."
        )
    _require_heads(config, names)
    return len(names)


def plain_configs(dataset: Any) -> list[Any]:
    """Return the data sets inside wrappers that repeat, mix or join."""
    if "datasets" in dataset:
        return [plain for part in dataset["datasets"] for plain in plain_configs(part)]
    return plain_configs(dataset["dataset"]) if "dataset" in dataset else [dataset]


def require_instances(config: Config, loader: Any) -> None:
    """Refuse annotation files that are not there, and a model of another number of classes.

    Of an `InstanceDataset` all is refused that the data set itself or its pipeline would refuse.
    """
    for dataset in plain_configs(loader["dataset"]):
        if is_ours(dataset):
            require_objects(config, dataset)
            continue
        file = annotation_file(dataset)
        if file is not None and not file.is_file():
            raise DataError(f"The annotation file {file} does not exist.")
        names = class_names(dataset) if is_coco(dataset) else None
        if isinstance(names, str):
            raise ConfigError(
                f"metainfo.classes is the text {names!r}: write classes=({names!r},), with a comma."
            )
        if names:
            _require_heads(config, names)
        if names and file is not None and reads_as_coco(dataset):
            require_categories(file, names)


def require_categories(file: Path, names: Sequence[str]) -> None:
    """Refuse a COCO file whose categories mmdet's `CocoDataset` would give the names of others.

    It numbers the labels in the order of the file, and names them in the order of the classes.
    """
    content = read_coco(file)
    differing = compare_names(content, names)
    if not (differing.missing or differing.doubled or differing.misnamed):
        return
    there = ", ".join(str(each["name"]) for each in content["categories"])
    told = [
        f"the file has no category {name!r}.{nearest(name, differing.extra)}" for name in differing.missing
    ]
    told += [f"several categories of the file are called {name!r}" for name in differing.doubled]
    if not differing.missing:
        told += [
            f"label {n} would be {found!r} and be called {asked!r}" for n, asked, found in differing.misnamed
        ]
    raise DataError(
        f"{file} does not fit the config's classes:\n{listing(told)}\nThe config's: {', '.join(names)}\n"
        f"The file's: {there or 'none'}\nSegLoop's InstanceDataset goes by the names, whatever their order."
    )


def require_objects(config: Config, dataset: Mapping[str, Any]) -> None:
    """Refuse an `InstanceDataset`'s annotations if they cannot be used, and images broken or missing."""
    source = instance_source(dataset)
    _require_heads(config, source.classes)
    images = load_split(
        source,
        training=not dataset.get("test_mode", False),
        keep_empty=dataset.get("keep_empty", True),
        drop=dataset.get("drop") or (),
    )
    sizes = {Path(each["img_path"]): (each["height"], each["width"]) for each in images}
    with (
        counted("images checked") as progress,
        FactStore(source.root, progress=progress, total=len(sizes)) as store,
    ):
        facts = store.look("images", list(sizes), image_facts, ImageFacts)
    wrong = []
    for (path, (height, width)), seen in zip(sizes.items(), facts, strict=True):
        if seen.error:
            wrong.append(f"{short_path(path, source.root)}: {seen.error}")
        elif seen.size_hw != (height, width):
            found = f"{seen.size_hw[1]}x{seen.size_hw[0]}"
            wrong.append(
                f"{short_path(path, source.root)}: {found} on disk, {width}x{height} in the annotations"
            )
    told = []
    if wrong:
        told.append(
            f"{len(wrong)} image(s) of {source.file} cannot be used (width x height):\n{listing(wrong)}"
            + _elsewhere([path for path in sizes if not path.is_file()], source)
        )
    with counted("images' masks read") as progress:
        masks = mask_problems(images, drop=dataset.get("drop") or (), progress=progress)
    if masks:
        told.append("\n".join([f"{source.file} cannot be used as it is:", *masks]))
    if told:
        raise DataError("\n\n".join(told))


def _elsewhere(missing: Sequence[Path], source: InstanceSource) -> str:
    """Say where missing images lie, if deeper in the folder: LIVECell as Kaggle has it, a folder a type."""
    names = {path.name: path for path in missing}
    for place, folders, files in os.walk(source.image("") if missing else ""):
        folders.sort()
        for name in sorted(names.keys() & set(files)):
            where = short_path(names[name], source.root), short_path(Path(place), source.root)
            return (
                f"\n  → {' lies in '.join(where)}: "
                "move the images to where the annotations look for them, or let python tools/convert.py "
                f"{source.root} DST --from coco --to coco write a set that names where they are"
            )
    return ""


def instance_source(dataset: Mapping[str, Any]) -> InstanceSource:
    """Return where the objects of an `InstanceDataset` are, by its config and by `dataset.json`."""
    return InstanceSource.find(dataset["data_root"], dataset.get("split", "train"), dataset)


def settled(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set's config with what an `InstanceDataset` takes from `dataset.json` written out."""
    if not is_ours(dataset):
        return dict(dataset)
    source = instance_source(dataset)
    return {
        **dataset,
        "ann_file": source.ann_file,
        "data_prefix": {"img": source.image_prefix},
        "metainfo": dict(source.metainfo),
    }


def is_ours(dataset: Mapping[str, Any]) -> bool:
    """Return whether a data set's config is of our `InstanceDataset`."""
    return dataset.get("type") == "InstanceDataset"


def head_classes(model: Any, keys: tuple[str, ...] = ("model",)) -> Iterator[tuple[str, int]]:
    """Yield the place of each head in a model's config, and how many classes it tells apart.

    Left out are heads that tell something else: proposals, boundaries, the stuff of a semantic branch, words.
    """
    if isinstance(model, list | tuple):
        for index, part in enumerate(model):
            yield from head_classes(part, (*keys, str(index)))
    if not isinstance(model, Mapping) or keys[-1] in OTHER_HEADS:
        return
    count, kind = model.get("num_classes"), str(model.get("type"))
    if type(count) is int and not any(word in kind for word in OTHER_KINDS):
        yield ".".join(keys), count
    for key, value in model.items():
        if key != "backbone":  # one that is a classifier itself
            yield from head_classes(value, (*keys, str(key)))


def _require_heads(config: Config, names: Sequence[str]) -> None:
    wrong = [f"{place}.num_classes is {n}" for place, n in head_classes(config.model) if n != len(names)]
    if wrong:
        raise ConfigError(
            f"{' and '.join(wrong)}, but the data have {len(names)} classes: {', '.join(map(str, names))}."
        )


def _require_ignored(config: Config, value: int) -> None:
    """Refuse a config that would train on the pixels that the data call ignored, or score them."""
    wrong = [f"{place} is {other}" for place, other in _ignored_by(config) if other != value]
    if wrong:
        raise ConfigError(
            f"Masks hold {value}, which the data call ignored (ignore_index), and the config ignores another "
            f"value:\n{listing(wrong)}\nSet these to {value}, or write {IGNORED} into masks and {FILE_NAME}."
        )


def _ignored_by(config: Config) -> Iterator[tuple[str, int]]:
    """Yield the places of a semantic config that say which value is ignored, and the value."""
    for place, _ in head_classes(config.model):
        head: Any = config
        for key in place.split("."):
            head = head[int(key)] if isinstance(head, list | tuple) else head[key]
        yield f"{place}.ignore_index", head.get("ignore_index", IGNORED)
    padding = config.model.get("data_preprocessor") or {}
    yield "model.data_preprocessor.seg_pad_val", padding.get("seg_pad_val", IGNORED)
    for name in ("val_evaluator", "test_evaluator"):
        metrics = config.get(name) or ()
        for metric in [metrics] if isinstance(metrics, Mapping) else metrics:
            if metric.get("type") in SCORING:
                yield f"{name}.ignore_index", metric.get("ignore_index", IGNORED)


def is_coco(dataset: Mapping[str, Any]) -> bool:
    """Return whether a data set's config is of mmdet's `CocoDataset`, or of a kind that reads as it does."""
    return _class_of(dataset, "CocoDataset") and not _class_of(dataset, "CocoPanopticDataset")


def reads_as_coco(dataset: Mapping[str, Any]) -> bool:
    """Return whether a kind of data set keeps and drops annotations by the very rules of `CocoDataset`."""
    lineage: tuple[type, ...] = getattr(_kind(dataset), "__mro__", ())
    plain: Any = next((base for base in lineage if base.__name__ == "CocoDataset"), None)
    return plain is not None and all(
        getattr(lineage[0], name) is getattr(plain, name) for name in ("load_data_list", "parse_data_info")
    )


def crowds_are_empty(dataset: Mapping[str, Any]) -> bool:
    """Return whether an image with crowds only counts as empty, as mmdet's `CityscapesDataset` has it."""
    return _class_of(dataset, "CityscapesDataset")


def class_names(dataset: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the class names of a data set of objects: those of the config, else those of its kind."""
    kind: Any = _kind(dataset)
    names = (dataset.get("metainfo") or {}).get("classes")
    if is_ours(dataset):
        return instance_source(dataset).classes
    return names if names is not None else getattr(kind, "METAINFO", {}).get("classes")


def annotation_file(dataset: Mapping[str, Any]) -> Path | None:
    """Return the annotation file of an mmdet data set's config, where it is a path on this machine."""
    name = dataset.get("ann_file")
    if is_ours(dataset):
        return instance_source(dataset).file
    if not isinstance(name, str) or not name or "://" in name or dataset.get("backend_args"):
        return None
    if not _class_of(dataset, "BaseDetDataset"):
        return None
    return Path(dataset.get("data_root") or "", name)


def _kind(dataset: Mapping[str, Any]) -> type | None:
    kind = dataset.get("type")
    if isinstance(kind, str):
        ops.install()  # before mmdet imports mmcv
        with silent_imports():
            from mmdet.registry import DATASETS

            kind = DATASETS.get(kind)
    return kind if isinstance(kind, type) else None


def _class_of(dataset: Mapping[str, Any], name: str) -> bool:
    return any(base.__name__ == name for base in getattr(_kind(dataset), "__mro__", ()))


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
    loaders = (config.get(f"{split}_dataloader") for split in ("train", "val", "test"))
    parts = [part for loader in loaders if loader for part in plain_configs(loader["dataset"])]
    return root in [Path(part["data_root"]) for part in parts if part.get("data_root")]
