"""Where a split's objects are, what keeps its COCO file from being trained on, their masks as run lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from segloop.data.coco_losses import (
    DROPPED,
    FAULTS,
    IGNORED,
    LoaderRules,
    Losses,
    compare_names,
    count_losses,
    read_coco,
)
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.data.masks import (
    Runs,
    canonical,
    fault,
    from_strings,
    rasterize,
    runs_from_strings,
    strings_areas_boxes,
    unite,
)
from segloop.utils.errors import ConfigError, DataError, listing, nearest

JOINED_COLOR = (240, 160, 40)  # of objects that were joined from parts
# Why an annotation may be left out when a config says so (`drop`); otherwise it is refused.
REPEATED = (
    "repeated"  # an image is listed again under another id, as some of LIVECell that were annotated twice
)
DROPPABLE = ("no-image", "ignore", "outside", "tiny", "category", REPEATED)


@dataclass(frozen=True, kw_only=True)
class InstanceSource:
    """The annotation file and the image folder of one split, and the classes in the order of their labels."""

    root: Path
    split: str
    ann_file: str
    image_prefix: str
    metainfo: Mapping[str, Any]
    join: str | None = None

    @classmethod
    def find(cls, root: Path | str, split: str, given: Mapping[str, Any] | None = None) -> InstanceSource:
        """Take what is `given` (under the names of `InstanceDataset`'s arguments), else `dataset.json`'s.

        Without either the classes are the file's, in its order.
        """
        root, given = Path(root), given or {}
        told: dict[str, Any] = {}
        if (root / FILE_NAME).is_file():
            info = DatasetInfo.read(root)
            if split in info.coco or not given.get("ann_file"):
                told = info.coco_arguments(split)
            else:  # a file of a fold, or of relabelled images
                told = {"metainfo": info.object_metainfo}
        elif not given.get("ann_file"):
            raise DataError(
                f"{root / FILE_NAME} is missing, and the config names no ann_file. "
                "Prepare the data first (python tools/prepare.py TASK SRC, or TASK --demo), point "
                "SEGLOOP_DATA at the folder of your data sets, or set ann_file and data_prefix=dict(img=…)."
            )
        file = str(given.get("ann_file") or told["ann_file"])
        join = given.get("join")
        joined = {"classes": (join,), "palette": [JOINED_COLOR]} if join else {}
        metainfo = {**told.get("metainfo", {}), **joined, **(given.get("metainfo") or {})}
        names = metainfo.get("classes")
        if isinstance(names, str):
            raise ConfigError(f"metainfo.classes is the text {names!r}: write classes=({names!r},), a tuple.")
        if names is None:
            metainfo["classes"] = [str(each["name"]) for each in _read(root / file)["categories"]]
        prefix = {**told.get("data_prefix", {}), **(given.get("data_prefix") or {})}
        return cls(
            root=root,
            split=split,
            ann_file=file,
            image_prefix=prefix.get("img") or "",
            metainfo=metainfo,
            join=join,
        )

    @property
    def file(self) -> Path:
        """The annotation file."""
        return self.root / self.ann_file

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their labels."""
        return tuple(map(str, self.metainfo["classes"]))

    def content(self) -> dict[str, Any]:
        """Read the annotation file; with `join`, what shares a group is one object."""
        content = _read(self.file)
        return joined(content, self.join) if self.join else content

    def image(self, file_name: str) -> Path:
        """Return where an image belongs that the file names."""
        return self.root / self.image_prefix / file_name


def load_split(
    source: InstanceSource, *, training: bool, keep_empty: bool = True, drop: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the images of a split with their objects, as mmdet's data sets hand them on.

    What mmdet would leave out or misnumber without a word is refused, all of it told at once; `drop` names
    the reasons (`DROPPABLE`) for which annotations may be left out. Images without objects stay, as
    background, unless `keep_empty` is false.
    """
    strange = [reason for reason in drop if reason not in DROPPABLE]
    if strange:
        hint = nearest(strange[0], DROPPABLE)
        raise ConfigError(
            f"drop names {', '.join(map(repr, strange))}.{hint} There are: {', '.join(DROPPABLE)}."
        )
    content = _read(source.file)
    if REPEATED in drop:
        content = without_repeated(content)
    names = tuple(str(each["name"]) for each in content["categories"])
    if not source.join:
        _require_names(source, content, drop=drop)
    losses = count_losses(content, LoaderRules(classes=names if source.join else source.classes))
    problems = [*_problems(losses, drop=drop), *_doubled_names(content), *_ids_of_other_kinds(content)]
    problems = problems or list(_nothing_to_learn(source, losses)) * training
    if problems:
        raise DataError(f"{source.file} cannot be used as it is:\n" + "\n".join(problems))
    images = list(_images(source, joined(content, source.join) if source.join else content))
    return images if keep_empty or not training else [each for each in images if each["instances"]]


def without_repeated(content: dict[str, Any]) -> dict[str, Any]:
    """Return a COCO file's content with the first of the entries of each image file, and its annotations."""
    seen: set[str] = set()
    firsts, again = [], set()
    for image in content["images"]:
        if image["file_name"] in seen:
            again.add(image["id"])
        else:
            seen.add(image["file_name"])
            firsts.append(image)
    again -= {image["id"] for image in firsts}  # an entry that is there twice, word for word
    kept = [each for each in content["annotations"] if each.get("image_id") not in again]
    return {**content, "images": firsts, "annotations": kept}


def joined(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a COCO file's content in which the objects of one group are one object of the category `name`.

    Groups are those that our converters keep (`segloop.group`); an object of no group stays alone.
    """
    sizes = {image["id"]: _size_hw(image) for image in content["images"]}
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for number, each in enumerate(content["annotations"]):
        group = (each.get("segloop") or {}).get("group")
        key = ("alone", number) if group is None else ("group", group)
        if each["image_id"] in sizes and not each.get("ignore"):
            groups.setdefault((each["image_id"], *key), []).append(each)
    annotations = []
    for number, ((image_id, *_), parts) in enumerate(groups.items(), 1):
        size_hw = sizes[image_id]
        try:
            runs = runs_of([each["segmentation"] for each in parts], size_hw)
        except DataError as error:
            raise DataError(f"annotations of image {image_id!r}: {error}") from error
        (whole,) = unite(runs, [len(parts)], size_hw)
        strings, pixels, boxes = strings_areas_boxes([whole], size_hw)
        annotations.append(
            {
                "id": number,
                "image_id": image_id,
                "category_id": 1,
                "segmentation": {"size": list(size_hw), "counts": strings[0]},
                "area": pixels[0],
                "bbox": boxes[0],
                "iscrowd": max(int(bool(each.get("iscrowd"))) for each in parts),
            }
        )
    return {**content, "annotations": annotations, "categories": [{"id": 1, "name": name}]}


def runs_of(segmentations: Sequence[Any], size_hw: tuple[int, int]) -> list[Runs]:
    """Return the run lengths of one image's COCO segmentations: polygons, run lengths, compressed ones."""
    found: dict[int, Runs] = {}
    texts = [n for n, each in enumerate(segmentations) if _is_text(each)]
    if texts:
        strings = [segmentations[n]["counts"] for n in texts]
        runs = runs_from_strings(strings, size_hw[0] * size_hw[1])
        if runs is None:
            runs = [_checked(each, size_hw) for each in from_strings(strings)]
        found.update(zip(texts, runs, strict=True))
    outlines = [n for n, each in enumerate(segmentations) if isinstance(each, list)]
    if outlines:
        rings = [tuple(_points(ring) for ring in segmentations[n] if _is_ring(ring)) for n in outlines]
        found.update(zip(outlines, rasterize(rings, size_hw), strict=True))
    for number, each in enumerate(segmentations):
        if number not in found:
            found[number] = _checked(_lengths(each["counts"]), size_hw)
    return [found[number] for number in range(len(segmentations))]


def _lengths(counts: Sequence[int]) -> np.ndarray:
    try:
        return np.asarray(counts)
    except (ValueError, OverflowError):  # lists in the list
        return np.zeros(0)


def _checked(counts: np.ndarray, size_hw: tuple[int, int]) -> Runs:
    wrong = fault(counts, size_hw[0] * size_hw[1])
    if wrong:
        raise DataError(f"A mask cannot be read: {wrong}.")
    return canonical(counts)


def _points(ring: Sequence[float]) -> np.ndarray:
    try:
        return np.asarray(ring, np.float64).reshape(-1, 2)
    except (ValueError, TypeError):
        raise DataError("A mask cannot be read: an outline holds something else than numbers.") from None


def _is_text(segmentation: Any) -> bool:
    return isinstance(segmentation, dict) and isinstance(segmentation["counts"], str)


def _is_ring(ring: Sequence[float]) -> bool:
    return len(ring) >= 6 and len(ring) % 2 == 0


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DataError(f"The annotation file {file} does not exist.")
    return read_coco(file)


def _require_names(source: InstanceSource, content: Mapping[str, Any], *, drop: Sequence[str]) -> None:
    """Refuse classes that the file lacks, categories that no class has, and names that are there twice."""
    differing = compare_names(content, source.classes)
    there = ", ".join(repr(str(each["name"])) for each in content["categories"])
    wrong = []
    if differing.missing:
        hint = nearest(differing.missing[0], differing.extra)
        wrong.append(f"it has no category {_quoted(differing.missing)} (it has {there}).{hint}")
    if differing.extra and "category" not in drop:
        wrong.append(
            f"its categories {_quoted(differing.extra)} are no classes of the config (metainfo.classes). "
            "Add them, or leave their objects out with drop=['category']."
        )
    if differing.doubled:
        wrong.append(f"it has several categories of the name {_quoted(differing.doubled)}")
    if wrong:
        raise DataError("\n".join(f"{source.file}: {each}" for each in wrong))


def _problems(losses: Losses, *, drop: Sequence[str]) -> Iterator[str]:
    """Yield what mmdet would leave out in silence, or fail on in the middle of a training."""
    for kind, (text, remedy) in FAULTS.items():
        if losses.faults[kind]:
            yield f"{losses.faults[kind]} x {text}\n{listing(losses.examples[kind], most=3)}"
            yield f"  → {remedy or 'correct them'}"
    for kind, (text, remedy) in {**DROPPED, **IGNORED}.items():
        count = losses.dropped[kind] or losses.ignored[kind]
        if not count or kind in drop or kind in ("crowd", "left-out"):
            continue
        yield f"{count} x {text}\n{listing(losses.examples[kind], most=3)}"
        remedies = [remedy] if remedy else []
        if kind in DROPPABLE:
            remedies.append(f"to leave them out: drop=['{kind}'] in the data set of the config")
        yield f"  → {'; '.join(remedies)}" if remedies else "  → correct them"


def _doubled_names(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield images of one name: all that is kept of an image goes by its path without the suffix."""
    files: dict[str, list[str]] = {}
    for image in content["images"]:
        files.setdefault(_image_id(image), []).append(image["file_name"])
    several = [names for names in files.values() if len(names) > 1]
    again = [names[0] for names in several if len(set(names)) == 1]
    if again:
        yield f"{len(again)} x images that are listed again under another id\n{listing(again, most=3)}"
        yield (
            "  → list each image once, with the objects of one entry; or take the first of each: "
            f"drop=['{REPEATED}'] in the data set of the config"
        )
    alike = [" and ".join(names) for names in several if len(set(names)) > 1]
    if alike:
        yield f"{len(alike)} x images of one name, without the suffix\n{listing(alike, most=3)}"
        yield "  → rename those that differ by their suffix alone"


def _ids_of_other_kinds(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield which ids are texts where they are looked up and numbers where they stand, or the reverse."""
    for listed, key in (("images", "image_id"), ("categories", "category_id")):
        ids = {each["id"] for each in content[listed]}
        texts = {str(each) for each in ids}
        used = (each.get(key) for each in content["annotations"] if isinstance(each, dict))
        other = next((each for each in used if not _is_in(each, ids) and str(each) in texts), None)
        if other is not None:
            yield (
                f"  → {key} {other!r} of annotations is {_kind(other)}, and the ids of {listed} are not: "
                "write both alike"
            )


def _is_in(value: Any, ids: set[Any]) -> bool:
    return isinstance(value, int | float | str) and value in ids


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, str) else "a number"


def _nothing_to_learn(source: InstanceSource, losses: Losses) -> Iterator[str]:
    if losses.kept:
        return
    if losses.ignored["crowd"]:
        yield f"all {losses.ignored['crowd']} objects are crowds (iscrowd=1), so there is nothing to learn"
        yield f"  → {IGNORED['crowd'][1]}"
    else:
        yield f"the split {source.split!r} has no object in its {losses.images} images: nothing to learn"


def _images(source: InstanceSource, content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    labels = {
        each["id"]: source.classes.index(str(each["name"]))
        for each in content["categories"]
        if str(each["name"]) in source.classes
    }
    by_image: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
    for each in content["annotations"]:
        if each["image_id"] in by_image and each["category_id"] in labels and not each.get("ignore"):
            by_image[each["image_id"]].append(each)
    for image in content["images"]:
        height, width = _size_hw(image)
        yield {
            "img_path": str(source.image(image["file_name"])),
            "img_id": image["id"],
            "image_id": _image_id(image),
            "height": height,
            "width": width,
            **_unscored(image),
            "instances": [
                {
                    "id": each["id"],
                    "bbox": [x, y, x + w, y + h],
                    "bbox_label": labels[each["category_id"]],
                    "ignore_flag": int(bool(each.get("iscrowd"))),
                    "mask": each["segmentation"],
                    "area": each["area"],
                }
                for each in by_image[image["id"]]
                for x, y, w, h in [each["bbox"]]
                if is_taken(each, (height, width))
            ],
        }


def _image_id(image: Mapping[str, Any]) -> str:
    return PurePosixPath(image["file_name"]).with_suffix("").as_posix()


def _size_hw(image: Mapping[str, Any]) -> tuple[int, int]:
    """Return an image's size in whole numbers: some tools write 480.0."""
    return int(image["height"]), int(image["width"])


def _unscored(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return under `unscored` the pixels of an image that nobody scores, as COCO's run lengths, if any."""
    ignored = (image.get("segloop") or {}).get("ignore")
    return {"unscored": ignored} if ignored else {}


def is_taken(annotation: Mapping[str, Any], size_hw: tuple[int, int]) -> bool:
    """Return whether mmdet would take an annotation: it has an area, and its box is partly in the image."""
    (height, width), (x, y, w, h) = size_hw, annotation["bbox"]
    inside = min(x + w, width) > max(x, 0) and min(y + h, height) > max(y, 0)
    return w >= 1 and h >= 1 and inside and annotation["area"] > 0


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
