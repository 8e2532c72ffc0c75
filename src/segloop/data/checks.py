"""What a training asks of its data before it starts: everything that is wrong, told at once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from segloop.data.image_files import IMAGE_SUFFIXES, ImageFacts, MaskFacts, image_facts, mask_facts
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.atomic import open_atomic
from segloop.utils.errors import DataError, listing
from segloop.utils.workers import cpu_count

CACHE = Path(".segloop") / "checks.json"
CACHE_VERSION = 1  # raise it whenever the facts of a file change their meaning
Facts = TypeVar("Facts", ImageFacts, MaskFacts)

# kind -> what it is called, and what to do about it
KINDS: dict[str, tuple[str, str]] = {
    "missing-folder": (
        "folders that do not exist",
        "Put the data there in mmseg's layout (img_dir/<split>, ann_dir/<split>), point SEGLOOP_DATA at the "
        "folder that holds your data sets, or draw a demo set: python tools/make_demo.py multiclass",
    ),
    "empty-split": ("splits without an image", "Fill the folder, or take the split out of the config."),
    "same-id": (
        "images that share one name",
        "Name them differently: a mask or a prediction could belong to either.",
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
    """One thing that is wrong: its kind (a key of KINDS), the file or folder, and what was seen."""

    kind: str
    file: str
    text: str


@dataclass(frozen=True)
class SplitFolders:
    """Where the images and index masks of a split lie, and which images count (all, or a list of ids)."""

    images: Path
    masks: Path
    image_suffixes: Sequence[str] = IMAGE_SUFFIXES
    mask_suffix: str = ".png"
    only: frozenset[str] | None = None


def folders_of(root: Path | str, splits: Sequence[str] | None = None) -> dict[str, SplitFolders]:
    """Return the folders that `dataset.json` names, or mmseg's `img_dir` and `ann_dir` without it."""
    root = Path(root)
    if not (root / FILE_NAME).is_file():
        names = splits if splits is not None else ("train", "val")
        return {name: SplitFolders(root / "img_dir" / name, root / "ann_dir" / name) for name in names}
    info = DatasetInfo.read(root)
    return {
        name: SplitFolders(
            root / info.image_dir(name),
            root / info.mask_dir(name),
            (info.images.suffix,),
            info.masks.suffix if info.masks else ".png",
        )
        for name in (splits if splits is not None else info.splits)
    }


def check_semantic(
    root: Path | str,
    splits: Sequence[str] | Mapping[str, SplitFolders] | None = None,
    *,
    num_classes: int | None = None,
    ignore_index: int = 255,
    reduce_zero_label: bool = False,
    workers: int | None = None,
    cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Return all that is wrong with a semantic data set; an empty list says that it can be trained on.

    `splits` are names, or a mapping to folders; `num_classes` comes from `dataset.json` if it is not given.
    Files are read once, in parallel; what was seen is kept in `root/.segloop/checks.json` and trusted
    while size and modification time of a file stay.
    """
    root = Path(root)
    folders = splits if isinstance(splits, Mapping) else folders_of(root, splits)
    if num_classes is None:
        num_classes = DatasetInfo.read(root).num_classes
    pairs: list[tuple[str, Path, Path]] = []
    findings: list[Finding] = []
    for split, places in folders.items():
        found, trouble = _pair(split, places, root=root)
        pairs += found
        findings += trouble
    with _FactStore(root, enabled=cache, workers=workers, progress=progress, total=2 * len(pairs)) as store:
        images = store.look("images", [image for _, image, _ in pairs], image_facts, ImageFacts)
        masks = store.look("masks", [mask for _, _, mask in pairs], mask_facts, MaskFacts)
    binary = _is_binary(masks)
    legal = _Legal(num_classes, ignore_index, reduce_zero_label)
    for (_, image, mask), seen, label in zip(pairs, images, masks, strict=True):
        findings += _judge(_short(image, root), _short(mask, root), seen, label, legal=legal, binary=binary)
    return sorted(findings, key=lambda finding: (list(KINDS).index(finding.kind), finding.file))


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


def index_files(folder: Path, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    """Return the files below a folder by id: the POSIX path relative to it, without suffix."""
    found: dict[str, list[Path]] = {}
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            suffix = next((end for end in suffixes if name.lower().endswith(end.lower())), None)
            if suffix is None or name.startswith("."):
                continue
            path = Path(place) / name
            found.setdefault(path.relative_to(folder).as_posix()[: -len(suffix)], []).append(path)
    return found


def _pair(
    split: str, places: SplitFolders, *, root: Path
) -> tuple[list[tuple[str, Path, Path]], list[Finding]]:
    """Match the images of a split with its masks: (id, image, mask), and what has no match."""
    missing = [folder for folder in (places.images, places.masks) if not folder.is_dir()]
    if missing:
        what = {places.images: "images", places.masks: "masks"}
        return [], [
            Finding(
                "missing-folder", str(folder), f"the {what[folder]} of split {split!r} were expected here"
            )
            for folder in missing
        ]
    images = index_files(places.images, places.image_suffixes)
    masks = index_files(places.masks, (places.mask_suffix,))
    findings = []
    if not images:
        findings.append(Finding("empty-split", _short(places.images, root), _contents(split, places)))
    for files in images.values():
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            findings.append(Finding("same-id", _short(files[0], root), f"{names} would be the same image"))
    wanted = [name for name in images if places.only is None or name in places.only]
    lonely = [name for name in wanted if name not in masks]
    hint = _suffix_hint(lonely, places)
    for name in lonely:
        expected = _short(places.masks / f"{name}{places.mask_suffix}", root)
        findings.append(Finding("no-mask", _short(images[name][0], root), f"expected {expected}{hint}"))
    if places.only is None:
        findings += [
            Finding("no-image", _short(files[0], root), f"no image {name} in {_short(places.images, root)}")
            for name, files in masks.items()
            if name not in images
        ]
    return [(name, images[name][0], masks[name][0]) for name in wanted if name in masks], findings


def _contents(split: str, places: SplitFolders) -> str:
    """Say what a folder without images does hold."""
    others = Counter(file.suffix or "no suffix" for file in places.images.rglob("*") if file.is_file())
    held = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(3)) or "nothing"
    return f"split {split!r} has no {' '.join(places.image_suffixes)} file; the folder holds {held}"


def _suffix_hint(lonely: Sequence[str], places: SplitFolders) -> str:
    """Say which other suffix all these masks have, if there is one."""
    if not lonely:
        return ""
    first = places.masks / lonely[0]
    if not first.parent.is_dir():
        return ""
    tails = [
        file.name[len(first.name) :] for file in first.parent.iterdir() if file.name.startswith(first.name)
    ]
    for tail in sorted(tails, key=len):
        if all((places.masks / f"{name}{tail}").is_file() for name in lonely):
            return f"; {first.name}{tail} is there: set the mask suffix to {tail!r}"
    return ""


@dataclass(frozen=True)
class _Legal:
    """Which raw mask values may occur."""

    num_classes: int
    ignore_index: int
    reduce_zero_label: bool

    def __contains__(self, value: int) -> bool:
        if self.reduce_zero_label:  # 0 becomes 'ignored', every other class moves down by one
            return 0 <= value <= self.num_classes or value in (255, self.ignore_index)
        return 0 <= value < self.num_classes or value == self.ignore_index

    def __str__(self) -> str:
        last = self.num_classes if self.reduce_zero_label else self.num_classes - 1
        return f"0 to {last} and {self.ignore_index} are allowed"


def _is_binary(masks: Sequence[MaskFacts]) -> bool:
    """Tell whether a whole set knows nothing but 0 and 255: then 255 is no 'ignored', it is the object."""
    values = {value for mask in masks for value in mask.values}
    return 255 in values and values <= {0, 255}


def _judge(
    image: str, mask: str, seen: ImageFacts, label: MaskFacts, *, legal: _Legal, binary: bool
) -> Iterator[Finding]:
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
            rest = f" and {len(outside) - 4} more values" if len(outside) > 4 else ""
            yield Finding("values", mask, f"{shown}{rest} ({legal})")


def _sizes(seen: ImageFacts, label: MaskFacts) -> str:
    (tall, wide), (high, broad) = label.size_hw, seen.size_hw
    text = f"mask {wide}x{tall}, image {broad}x{high} (width x height)"
    if seen.orientation >= 5 and seen.size_hw[::-1] == label.size_hw:
        text += f"; the image is turned on loading, as its EXIF orientation {seen.orientation} says"
    return text


def _short(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


class _FactStore:
    """Facts about files, read in parallel and kept between runs by path, size and modification time."""

    def __init__(
        self,
        root: Path,
        *,
        enabled: bool,
        workers: int | None,
        progress: Callable[[int, int], None] | None,
        total: int,
    ) -> None:
        self._root = root
        self._file = root / CACHE if enabled else None
        self._workers = max(1, cpu_count() if workers is None else workers)
        self._progress = progress
        self._done, self._total = 0, total
        self._old: dict[str, Any] = {}
        self._new: dict[str, Any] = {}

    def __enter__(self) -> _FactStore:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            self._old = stored["files"] if stored.get("version") == CACHE_VERSION else {}
        except (OSError, ValueError, KeyError, AttributeError):
            self._old = {}  # a cache that cannot be read is no cache
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or self._file is None or self._new.items() <= self._old.items():
            return
        text = json.dumps(
            {"version": CACHE_VERSION, "files": self._old | self._new}, sort_keys=True, separators=(",", ":")
        )
        try:
            with open_atomic(self._file) as stream:
                stream.write(text)
        except OSError:
            pass  # a read-only data set is checked anew each time

    def look(
        self, role: str, files: Sequence[Path], read: Callable[[Path], Facts], kind: type[Facts]
    ) -> list[Facts]:
        """Return the facts of each file, from the cache or from the file."""
        with ThreadPoolExecutor(self._workers) as pool:  # reading, inflating and checksums let go of the GIL
            return list(pool.map(lambda file: self._one(role, file, read, kind), files))

    def _one(self, role: str, file: Path, read: Callable[[Path], Facts], kind: type[Facts]) -> Facts:
        state = file.stat()
        key = f"{role}:{_short(file, self._root)}"
        size, changed, stored = self._old.get(key, (None, None, None))
        if (size, changed) == (state.st_size, state.st_mtime_ns):
            facts = _restore(stored, kind)
        else:
            facts = read(file)
            stored = asdict(facts)
        self._new[key] = [state.st_size, state.st_mtime_ns, stored]
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)
        return facts


def _restore(stored: dict[str, Any], kind: type[Facts]) -> Facts:
    """Turn JSON's lists and text keys back into what the facts hold."""
    stored = {**stored, "size_hw": tuple(stored["size_hw"])}
    if kind is MaskFacts:
        stored["values"] = {int(value): count for value, count in stored["values"].items()}
    return kind(**stored)
