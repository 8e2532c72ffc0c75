"""What a training asks of its data before it starts: everything that is wrong, told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segloop.data.fact_store import FactStore, short_path
from segloop.data.image_files import ImageFacts, image_facts
from segloop.data.index_masks import MaskFacts, mask_facts
from segloop.data.info import DatasetInfo
from segloop.data.layout import HOW_TO_BRING, Layout, index_files, known_splits
from segloop.utils.errors import DataError, listing

Progress = Callable[[int, int], None]
Pair = tuple[Path, Path]  # an image and its mask

JPEG = (".jpg", ".jpeg")
# kind -> what it is called, and what to do about it
KINDS: dict[str, tuple[str, str]] = {
    "missing-folder": ("folders that do not exist", HOW_TO_BRING),
    "empty-split": ("splits without an image", "Fill the folder, or take the split out of the config."),
    "same-id": (
        "images that share one name",
        "Name them differently: a mask or a prediction could belong to either.",
    ),
    "name": (
        "images whose names are no UTF-8 text",
        "Rename them: tables, lists and hashes of a run cannot hold such names.",
    ),
    "no-mask": (
        "images without a mask",
        "Add the masks, or take the images out (a LIST file as ann_file does).",
    ),
    "no-image": ("masks without an image", "Add the images, or move the masks away."),
    "broken-image": ("images that cannot be read whole", "Copy or export these files again."),
    "broken-mask": ("masks that cannot be read whole", "Copy or export these files again."),
    "channels": (
        "masks with colours in place of class indices",
        "An index mask has one channel whose values are class numbers. Convert colours to indices first.",
    ),
    "jpeg": (
        "masks of class numbers that are JPEGs",
        "JPEG blurs numbers, and small objects are gone. Export the masks anew, as PNG.",
    ),
    "binary": (
        "masks that use 255 for the foreground",
        "255 means 'ignored' here. Divide the masks by 255, for example: "
        'python -c "import sys, cv2; [cv2.imwrite(f, cv2.imread(f, 0) // 255) for f in sys.argv[1:]]" '
        "ann_dir/*/*.png",
    ),
    "values": (
        "masks with values outside the classes",
        "Correct the masks, or add the classes to dataset.json (or metainfo) and to num_classes.",
    ),
    "size": ("masks of another size than their image", "Export image and mask from the same source again."),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind (a key of KINDS), the file or folder, what was seen, which image."""

    kind: str
    file: str
    text: str
    image_id: str | None = None

    def __str__(self) -> str:
        return f"{KINDS[self.kind][0]}: {self.file}: {self.text}"


@dataclass(frozen=True)
class Seen:
    """What a check found: all that is wrong, and the facts of each file it looked at, by path."""

    findings: list[Finding] = field(default_factory=list)
    images: dict[Path, ImageFacts] = field(default_factory=dict)
    masks: dict[Path, MaskFacts] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Legal:
    """Which raw mask values may occur."""

    num_classes: int
    ignore_index: int = 255
    reduce_zero_label: bool = False

    def __contains__(self, value: int) -> bool:
        if self.reduce_zero_label:  # 0 becomes 'ignored', every other class moves down by one
            return 0 <= value <= self.num_classes or value in (255, self.ignore_index)
        return 0 <= value < self.num_classes or value == self.ignore_index

    def __str__(self) -> str:
        last = self.num_classes if self.reduce_zero_label else self.num_classes - 1
        return f"0 to {last} and {self.ignore_index} are allowed"


def check_semantic(
    root: Path | str,
    splits: Sequence[str] | Mapping[str, Layout] | None = None,
    *,
    num_classes: int | None = None,
    ignore_index: int = 255,
    reduce_zero_label: bool = False,
    workers: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return all that is wrong with a semantic data set; an empty list says that it can be trained on.

    `splits` are names (all by default), or a mapping to their layouts; `num_classes` comes from
    `dataset.json` if it is not given. Files are read once, in parallel; what was seen is kept in
    `root/.segloop/checks.json` for as long as a file's content stays.
    """
    root = Path(root)
    if not isinstance(splits, Mapping):
        names = (known_splits(root) or ("train", "val")) if splits is None else splits
        splits = {name: Layout.find(root, name) for name in names}
    if num_classes is None:
        num_classes = DatasetInfo.read(root).num_classes
    legal = Legal(num_classes=num_classes, ignore_index=ignore_index, reduce_zero_label=reduce_zero_label)
    return look_over(root, splits, legal=legal, workers=workers, cache=cache, progress=progress).findings


def look_over(
    root: Path,
    splits: Mapping[str, Layout],
    *,
    legal: Legal,
    workers: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Seen:
    """Look at each image and mask of these splits; return what is wrong and what was seen."""
    pairs: list[Pair] = []
    findings: list[Finding] = []
    for split, layout in splits.items():
        found, trouble = pair_files(split, layout)
        pairs += [(image, mask) for _, image, mask in found]
        findings += trouble
    seen = look_at_pairs(root, pairs, legal=legal, workers=workers, cache=cache, progress=progress)
    return Seen(in_order([*findings, *seen.findings]), seen.images, seen.masks)


def look_at_pairs(
    root: Path,
    pairs: Sequence[Pair],
    *,
    legal: Legal,
    workers: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Seen:
    """Look at images and their masks, wherever they lie; `root` holds the cache and shortens the names."""
    with FactStore(root, enabled=cache, workers=workers, progress=progress, total=2 * len(pairs)) as store:
        images = store.look("images", [image for image, _ in pairs], image_facts, ImageFacts)
        masks = store.look("masks", [mask for _, mask in pairs], mask_facts, MaskFacts)
    binary = is_binary(masks)
    findings: list[Finding] = []
    for (image, mask), seen, label in zip(pairs, images, masks, strict=True):
        names = short_path(image, root), short_path(mask, root)
        findings += blurred(names[1])
        findings += judge(*names, seen, label, legal=legal, binary=binary)
    by_image = dict(zip((image for image, _ in pairs), images, strict=True))
    by_mask = dict(zip((mask for _, mask in pairs), masks, strict=True))
    return Seen(in_order(findings), by_image, by_mask)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without repetitions, by kind and file."""
    return sorted(
        dict.fromkeys(findings), key=lambda finding: (list(KINDS).index(finding.kind), finding.file)
    )


def count_values(
    root: Path | str,
    masks: Sequence[Path],
    *,
    workers: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> list[dict[int, int]]:
    """Return how many pixels of each mask have which value; none of a mask that cannot be read.

    What a check has seen of unchanged masks is taken from there.
    """
    with FactStore(Path(root), enabled=cache, workers=workers, progress=progress, total=len(masks)) as store:
        return [facts.values for facts in store.look("masks", masks, mask_facts, MaskFacts)]


def raise_findings(findings: Sequence[Finding], *, most: int = 5) -> None:
    """Raise one DataError that tells all findings; do nothing if there are none."""
    if findings:
        raise DataError(describe(findings, most=most))


def describe(findings: Sequence[Finding], *, most: int = 5) -> str:
    """Return findings as text: grouped by kind with counts, the first of each, and what to do."""
    parts = [f"The data cannot be used as they are: {len(findings)} finding(s)."]
    for kind, (title, remedy) in KINDS.items():
        group = [finding for finding in findings if finding.kind == kind]
        if group:
            lines = listing((f"{finding.file}: {finding.text}" for finding in group), most=most)
            parts.append(f"{len(group)} x {title}\n{lines}\n  → {remedy}")
    return "\n\n".join(parts)


def as_text(name: str) -> str:
    r"""Return a file's name with bytes that are no UTF-8 written out.

    >>> as_text("caf\udce9.png")
    'caf\\udce9.png'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def pair_files(split: str, layout: Layout) -> tuple[list[tuple[str, Path, Path]], list[Finding]]:
    """Match the images of a split with its masks: (id, image, mask), and what has no match."""
    root = layout.root
    missing = [folder for folder in (layout.images, layout.masks) if not folder.is_dir()]
    if missing:
        what = {layout.images: "images", layout.masks: "masks"}
        return [], [
            Finding(
                "missing-folder", str(folder), f"the {what[folder]} of split {split!r} were expected here"
            )
            for folder in missing
        ]
    images = index_files(layout.images, layout.image_suffixes)
    masks = index_files(layout.masks, (layout.mask_suffix,))
    findings = []
    if not images:
        findings.append(Finding("empty-split", short_path(layout.images, root), _contents(split, layout)))
    for name, files in images.items():
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            text = f"{names} would be the same image"
            findings.append(Finding("same-id", short_path(files[0], root), text, name))
    for name, files in images.items():
        if (shown := as_text(short_path(files[0], root))) != short_path(files[0], root):
            text = "a name in another code, as old archives have it"
            findings.append(Finding("name", shown, text, as_text(name)))
    counting = set(images if layout.only is None else layout.only)
    wanted = [name for name in images if name in counting]
    lonely = [name for name in wanted if name not in masks]
    hint = _suffix_hint(lonely, layout)
    for name in lonely:
        expected = short_path(layout.mask(name), root)
        text = f"expected {expected}{hint}"
        findings.append(Finding("no-mask", short_path(images[name][0], root), text, name))
    findings += [
        Finding(
            "no-image",
            short_path(files[0], root),
            f"no image {name} in {short_path(layout.images, root)}",
            name,
        )
        for name, files in masks.items()
        if name not in images and (layout.only is None or name in counting)
    ]
    return [(name, images[name][0], masks[name][0]) for name in wanted if name in masks], findings


def _contents(split: str, layout: Layout) -> str:
    """Say what a folder without images does hold."""
    others = Counter(file.suffix or "no suffix" for file in layout.images.rglob("*") if file.is_file())
    held = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(3)) or "nothing"
    return f"split {split!r} has no {' '.join(layout.image_suffixes)} file; the folder holds {held}"


def _suffix_hint(lonely: Sequence[str], layout: Layout) -> str:
    """Say which other suffix all these masks have, if there is one."""
    if not lonely:
        return ""
    first = layout.masks / lonely[0]
    if not first.parent.is_dir():
        return ""
    tails = [
        file.name[len(first.name) :] for file in first.parent.iterdir() if file.name.startswith(first.name)
    ]
    for tail in sorted(tails, key=len):
        if all((layout.masks / f"{name}{tail}").is_file() for name in lonely):
            return f"; {first.name}{tail} is there: set the mask suffix to {tail!r}"
    return ""


def is_binary(masks: Sequence[MaskFacts]) -> bool:
    """Tell whether a whole set knows nothing but 0 and 255: then 255 is no 'ignored', it is the object."""
    values = {value for mask in masks for value in mask.values}
    return 255 in values and values <= {0, 255}


def judge(
    image: str, mask: str, seen: ImageFacts, label: MaskFacts, *, legal: Legal, binary: bool
) -> Iterator[Finding]:
    """Yield what is wrong with an image and its mask, from their names and what was seen in them."""
    if seen.error:
        yield Finding("broken-image", image, seen.error)
    if label.error:
        yield Finding("broken-mask", mask, label.error)
        return
    if not seen.error and seen.size_hw != label.size_hw:
        yield Finding("size", mask, _sizes(seen, label))
    if label.mode not in ("L", "P", "1", "I", "I;16", "I;16B", "I;16L"):
        yield Finding("channels", mask, f"mode {label.mode}")
    elif binary and 255 in label.values:
        yield Finding(
            "binary", mask, f"255 in {label.values[255]} pixels, and no class but 0 in the whole set"
        )
    else:
        outside = {value: count for value, count in label.values.items() if value not in legal}
        if outside:
            shown = ", ".join(f"{value} in {count} px" for value, count in list(outside.items())[:4])
            rest = f" and {len(outside) - 4} more" if len(outside) > 4 else ""
            yield Finding("values", mask, f"{shown}{rest} ({legal})")


def blurred(mask: str) -> list[Finding]:
    """Return what is wrong with the kind of a mask of class numbers, by its name."""
    return [Finding("jpeg", mask, "not what was drawn")] if mask.lower().endswith(JPEG) else []


def _sizes(seen: ImageFacts, label: MaskFacts) -> str:
    (tall, wide), (high, broad) = label.size_hw, seen.size_hw
    text = f"mask {wide}x{tall}, image {broad}x{high} (width x height)"
    if seen.orientation >= 5 and seen.size_hw[::-1] == label.size_hw:
        text += f"; the image is turned on loading, as its EXIF orientation {seen.orientation} says"
    return text
