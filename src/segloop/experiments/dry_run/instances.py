"""The rows of a dry run about COCO files: what mmdet will keep of them, and under which names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segloop.data.coco_losses import (
    DROPPED,
    FAULTS,
    IGNORED,
    LEFT_OUT,
    LoaderRules,
    Losses,
    NameDifferences,
    compare_names,
    count_losses,
    read_coco,
)
from segloop.data.fact_store import FactStore, short_path
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.instance_labels import REPEATED, without_repeated
from segloop.experiments.data_checks import (
    annotation_file,
    class_names,
    crowds_are_empty,
    instance_source,
    is_ours,
    reads_as_coco,
    settled,
)
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Row
from segloop.utils.errors import FormatError, nearest
from segloop.utils.progress import counted

Facts = dict[Path, ImageFacts]


def coco_rows(
    split: str, dataset: Mapping[str, Any], *, facts: Facts, counts: list[Losses | None], first: bool = True
) -> Iterator[Row]:
    """Yield what is to say of one COCO data set of a config; note facts of its images, and its counts.

    Remedies are told with the `first` of a run's data sets only.
    """
    counts.append(None)
    dataset, ours = settled(dataset), is_ours(dataset)
    file, classes = annotation_file(dataset), class_names(dataset)
    if file is None or not classes:
        return
    if isinstance(classes, str):
        text = (
            f"{split}: metainfo.classes is the text {classes!r}: write classes=({classes!r},), with a comma"
        )
        yield Row(BAD, "classes", text)
        return
    if not (ours or reads_as_coco(dataset)):
        text = f"{split}: {dataset['type']} has rules of its own; what it drops is not counted"
        yield Row(NOTE, "instances", text)
        return
    try:
        content = instance_source(dataset).content() if ours else read_coco(file)
    except FormatError as error:
        yield Row(BAD, "annotations", f"{split}: {error}")
        return
    if ours and REPEATED in (dataset.get("drop") or ()):
        whole, content = content, without_repeated(content)
        yield from repeated_rows(split, whole, content)
    differences = compare_names(content, tuple(classes))
    if ours:  # labels go by name there, whatever the order
        differences = replace(differences, misnamed=())
    yield from name_rows(split, differences, content=content, classes=classes)
    losses = count_losses(content, loader_rules(dataset, classes))
    counts[-1] = losses
    yield from loss_rows(split, losses, remedies=first)
    yield from image_rows(split, dataset, content, facts=facts)


def repeated_rows(split: str, whole: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Row]:
    """Yield what is left out of images that are listed again."""
    images, objects = (len(whole[key]) - len(content[key]) for key in ("images", "annotations"))
    if images:
        text = (
            f"{split}: {images} images are listed again; the first entry of each is taken, {objects} objects "
            "of the others are left out (drop=['repeated'])"
        )
        yield Row(NOTE, "instances", text)


def loader_rules(dataset: Mapping[str, Any], classes: Sequence[str]) -> LoaderRules:
    """Return how a data set's config loads its file."""
    if is_ours(dataset):
        return LoaderRules(classes=tuple(classes), filter_empty_gt=not dataset.get("keep_empty", True))
    steps = [step for step in dataset.get("pipeline") or () if str(step.get("type")) == "LoadAnnotations"]
    loading: Mapping[str, Any] = steps[0] if steps else {}
    filtering = {} if dataset.get("test_mode") else dataset.get("filter_cfg") or {}
    return LoaderRules(
        classes=tuple(classes),
        with_mask=bool(loading.get("with_mask", False)),
        poly2mask=bool(loading.get("poly2mask", True)),
        filter_empty_gt=bool(filtering.get("filter_empty_gt", False)),
        min_size=int(filtering.get("min_size", 0)),
        crowds_are_empty=crowds_are_empty(dataset),
    )


def name_rows(
    split: str, differences: NameDifferences, *, content: Mapping[str, Any], classes: Sequence[str]
) -> Iterator[Row]:
    """Yield how the names of the classes and of the file differ.

    Labels are numbered in the file's order and named in the config's, so a class that the file lacks shifts
    the names of others, and mmdet's COCO metric fails at the first object that is taken for the last class.
    """
    there = [str(category["name"]) for category in content["categories"]]
    if not differences:
        order = ", ".join(classes[:10]) + (" …" if len(classes) > 10 else "")
        yield Row(GOOD, "classes", f"{split}: the file has the {len(classes)} classes in this order: {order}")
        return
    if differences.missing:
        hints = "".join(nearest(name, differences.extra) for name in differences.missing[:1])
        has = f"it has {_quoted(there)}.{hints}"
        text = f"{split}: the file has no category {_quoted(differences.missing)}; {has}"
        yield Row(BAD, "classes", text)
    if differences.doubled:
        text = f"{split}: several categories of the file are called {_quoted(differences.doubled)}"
        yield Row(BAD, "classes", text)
    if differences.misnamed and not differences.missing:
        label, asked, found = differences.misnamed[0]
        text = (
            f"{split}: label {label} would be {found!r}, and be called {asked!r}: "
            "labels are numbered in the file's order, and named in the config's"
        )
        names = tuple(name for name in there if name in classes)
        yield Row(BAD, "classes", text, (f"→ metainfo=dict(classes={names})",))
    if differences.extra:
        text = f"{split}: not in metainfo.classes, and so not learnt: {_quoted(differences.extra)}"
        yield Row(NOTE, "classes", text)


def loss_rows(split: str, losses: Losses, *, remedies: bool = True) -> Iterator[Row]:
    """Yield how many instances and images are kept, dropped and ignored, by reason."""
    lost, passed_by = sum(losses.dropped.values()), sum(losses.ignored.values())
    text = f"{split}: {losses.instances} in the file, {losses.kept} kept"
    text += f", {lost} dropped" * bool(lost) + f", {passed_by} ignored as crowds" * bool(passed_by)
    below = (
        *_reasons("dropped: ", losses.dropped, DROPPED, losses, remedies=remedies),
        *_reasons("ignored: ", losses.ignored, IGNORED, losses, remedies=remedies),
    )
    yield Row(BAD if not losses.kept else NOTE if below else GOOD, "instances", text, below)

    left_out = sum(losses.left_out.values())
    text = f"{split}: {losses.images} in the file, {losses.images_kept} kept"
    text += f", {left_out} left out" * bool(left_out)
    text += f"; {losses.bare} of these show nothing to learn" * bool(losses.bare)
    below = tuple(_reasons("", losses.left_out, LEFT_OUT, losses, remedies=remedies))
    yield Row(BAD if not losses.images_kept else NOTE if below else GOOD, "images", text, below)

    for kind, count in losses.faults.items():
        text = f"{split}: {count} x {FAULTS[kind][0]}, e.g. {', '.join(losses.examples[kind])}"
        yield Row(BAD, "annotations", text)


def image_rows(
    split: str, dataset: Mapping[str, Any], content: Mapping[str, Any], *, facts: Facts
) -> Iterator[Row]:
    """Yield whether all images of a file are there, whole and of the size that it says."""
    root = Path(dataset.get("data_root") or "")
    prefix = (dataset.get("data_prefix") or {}).get("img") or ""
    if "://" in f"{root} {prefix}":
        return
    wanted = {root / prefix / image["file_name"]: image for image in content["images"]}
    with (
        counted("images checked") as progress,
        FactStore(
            root, enabled=bool(dataset.get("data_root")), progress=progress, total=len(wanted)
        ) as store,
    ):
        facts |= dict(zip(wanted, store.look("images", list(wanted), image_facts, ImageFacts), strict=True))
    broken = [f"{short_path(path, root)}: {e}" for path in wanted if (e := facts[path].error)]
    if broken:
        yield Row(BAD, "images", f"{split}: {len(broken)} cannot be read", _examples(broken))
    differing = [
        f"{short_path(path, root)}: {image['width']}x{image['height']} there, {_wide(facts[path])} on disk"
        for path, image in wanted.items()
        if not facts[path].error and facts[path].size_hw != (image["height"], image["width"])
    ]
    if differing:
        text = f"{split}: {len(differing)} are of another size than the file says (width x height)"
        yield Row(BAD, "images", text, _examples(differing))
    if not broken and not differing:
        yield Row(GOOD, "images", f"{split}: all {len(wanted)} are whole and of the size that the file says")


def metric_rows(split: str, evaluator: Any, dataset: Mapping[str, Any]) -> Iterator[Row]:
    """Yield whether a metric reads another annotation file than its data set, one that lacks images."""
    file = annotation_file(settled(dataset))
    for metric in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        other = metric.get("ann_file") if isinstance(metric, Mapping) else None
        if not file or not isinstance(other, str) or "://" in other or _same(Path(other), file):
            continue
        try:
            known = {image["id"] for image in read_coco(other)["images"]}
            lost = [image["file_name"] for image in read_coco(file)["images"] if image["id"] not in known]
        except FormatError as error:
            yield Row(BAD, "annotations", f"{split}_evaluator.ann_file: {error}")
            continue
        if lost:
            text = f"{split}_evaluator reads {other}, which lacks {len(lost)} images of {file}"
            yield Row(BAD, "annotations", text, _examples(lost))


def loaded_rows(split: str, dataset: Any, losses: Losses, *, most: int = 20_000) -> Iterator[Row]:
    """Yield where what mmdet has loaded is not what was counted: a kind of data set with rules of its own."""
    if len(dataset) > most:
        return
    handed_on = sum(len(dataset.get_data_info(index)["instances"]) for index in range(len(dataset)))
    counted_on = losses.kept + sum(losses.ignored.values())
    counted_on += sum(losses.faults[kind] for kind in ("no-mask", "shape", "size"))
    if (len(dataset), handed_on) != (losses.images_kept, counted_on):
        yield Row(
            NOTE,
            "instances",
            f"{split}: {type(dataset).__name__} has rules of its own: in truth it hands on "
            f"{handed_on} instances in {len(dataset)} images",
        )


def _reasons(
    fate: str, counts: Counter[str], words: Mapping[str, tuple[str, str]], losses: Losses, *, remedies: bool
) -> Iterator[str]:
    """Yield a line for each reason that counts: how many, why, an example, and what to do about it."""
    for kind, (title, remedy) in words.items():
        if not counts[kind]:
            continue
        if kind == "category":
            title += f" ({', '.join(f'{name}: {number}' for name, number in losses.unknown.most_common(3))})"
        yield f"{counts[kind]:>6}  {fate}{title}, e.g. {losses.examples[kind][0]}"
        if remedy and remedies:
            yield f"{'':6}  → {remedy}"


def _examples(texts: Sequence[str], *, most: int = 3) -> tuple[str, ...]:
    rest = (f"… and {len(texts) - most} more",) if len(texts) > most else ()
    return (*texts[:most], *rest)


def _quoted(names: Sequence[str], *, most: int = 8) -> str:
    return ", ".join(repr(str(name)) for name in names[:most]) + (" …" if len(names) > most else "")


def _same(one: Path, other: Path) -> bool:
    return one.absolute().resolve() == other.absolute().resolve()


def _wide(facts: ImageFacts) -> str:
    return f"{facts.size_hw[1]}x{facts.size_hw[0]}"
