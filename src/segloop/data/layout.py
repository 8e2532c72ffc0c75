"""Where a split's files are, and how its images are named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.errors import DataError, listing

HOW_TO_BRING = (
    "Put the data there in mmseg's layout (img_dir/<split>, ann_dir/<split>), point SEGLOOP_DATA at the "
    "folder that holds your data sets, or prepare them: python tools/prepare.py multiclass SRC, or --demo"
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a split's images and index masks are, which of them count, and what its classes are called."""

    root: Path
    data_prefix: Mapping[str, str]
    image_suffixes: tuple[str, ...]
    mask_suffix: str
    metainfo: Mapping[str, Any]
    ignore_index: int
    only: tuple[str, ...] | None = None

    @classmethod
    def find(cls, root: Path | str, split: str, given: Mapping[str, Any] | None = None) -> Layout:
        """Read the layout of `root`: what is `given`, else `dataset.json`, else mmseg's folders.

        `given` holds what a config gives to its data set, under the names of `SemanticDataset`'s arguments.
        """
        root, given = Path(root), given or {}
        prefix = {"img_path": f"img_dir/{split}", "seg_map_path": f"ann_dir/{split}"}
        suffixes: tuple[str, ...] = IMAGE_SUFFIXES
        mask_suffix, ignore_index = ".png", 255
        metainfo: dict[str, Any] = {}
        if (root / FILE_NAME).is_file():
            info = DatasetInfo.read(root)
            prefix = {"img_path": str(info.image_dir(split)), "seg_map_path": str(info.mask_dir(split))}
            assert info.masks is not None  # mask_dir would have refused
            suffixes = (info.images.suffix,) if info.images.suffix else IMAGE_SUFFIXES
            mask_suffix, ignore_index = info.masks.suffix, info.ignore_index
            metainfo = {
                "classes": list(info.class_names),
                "palette": info.palette,
                "background": info.background,
            }
        return cls(
            root=root,
            data_prefix={**prefix, **(given.get("data_prefix") or {})},
            image_suffixes=(given["img_suffix"],) if given.get("img_suffix") else suffixes,
            mask_suffix=given.get("seg_map_suffix") or mask_suffix,
            metainfo={**metainfo, **(given.get("metainfo") or {})},
            ignore_index=ignore_index if given.get("ignore_index") is None else given["ignore_index"],
            only=tuple(read_list(root / given["ann_file"])) if given.get("ann_file") else None,
        )

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.root / self.data_prefix["img_path"]

    @property
    def masks(self) -> Path:
        """The folder of the index masks."""
        return self.root / self.data_prefix["seg_map_path"]

    def mask(self, image_id: str) -> Path:
        """Return where the index mask of an image belongs."""
        return self.masks / f"{image_id}{self.mask_suffix}"

    def mask_files(self, image_ids: Iterable[str]) -> list[Path]:
        """Return the index masks of images, `.PNG` for `.png` too; where there is none, where it belongs."""
        found = index_files(self.masks, (self.mask_suffix,))
        return [found.get(image_id, [self.mask(image_id)])[0] for image_id in image_ids]


def known_splits(root: Path) -> list[str]:
    """Return the splits of a data set, from its description or its folders."""
    if (root / FILE_NAME).is_file():
        return list(DatasetInfo.read(root).splits)
    return sorted(folder.name for folder in (root / "img_dir").glob("[!.]*") if folder.is_dir())


def index_files(folder: Path, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    """Return the files below a folder by id: the POSIX path relative to it, without suffix.

    Links to folders are followed, but for those that lead back to a folder they lie in.
    """
    found: dict[str, list[Path]] = {}
    for path in files_below(folder):
        suffix = next((end for end in suffixes if path.name.lower().endswith(end.lower())), None)
        if suffix is not None:
            found.setdefault(path.relative_to(folder).as_posix()[: -len(suffix)], []).append(path)
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, hidden ones left out.

    Links to folders are followed, but for those that lead back to a folder they lie in. `Path.rglob` follows
    none.
    """
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = sorted(
            name for name in inner if not name.startswith(".") and not leads_back(Path(place) / name)
        )
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def leads_back(folder: Path) -> bool:
    """Return whether a folder is a link to one that holds it: who follows it never ends."""
    if not folder.is_symlink():
        return False
    return Path(os.path.realpath(folder.parent)).is_relative_to(os.path.realpath(folder))


def image_ids(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the images below a folder by id; files that share one are refused, all told together."""
    found = index_files(folder, suffixes)
    shared = [f"{first} and {others[0]}" for first, *others in found.values() if others]
    if len(shared) == 1:
        raise DataError(f"{shared[0]} would be the same image; rename or remove one of them.")
    if shared:
        raise DataError(
            f"In {len(shared)} cases two files would be the same image; rename or remove one of each:\n"
            f"{listing(shared)}"
        )
    return {name: first for name, (first,) in found.items()}


def read_list(path: Path | str) -> list[str]:
    """Read a LIST file: one image_id per line; blank lines and what follows a leading # do not count.

    `./` before an id may keep its # from being a leading one (`segloop.utils.lists`).
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")  # Windows begins with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is no UTF-8 text ({error})"
        raise DataError(f"The list {path} cannot be read: {reason}.") from error
    named = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [line.removeprefix("./") for line in named]


def only_listed(file: Path, known: Iterable[str]) -> set[str]:
    """Return the ids that a LIST file names; one that is no image's is refused."""
    listed = set(read_list(file))
    unknown = sorted(listed - set(known))
    if unknown:
        raise DataError(
            f"{file} names {len(unknown)} image(s) that are not there:\n{listing(unknown)}\n"
            "A line of a LIST is an id: the path below the split's folder, without suffix."
        )
    return listed


def missing_folder(folder: Path) -> DataError:
    """Say which folder was expected and how a data set gets there."""
    return DataError(f"The images were expected in {folder}, which does not exist.\n{HOW_TO_BRING}")
