"""Where a split's files are, and how its images are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.data.image_files import IMAGE_SUFFIXES
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.errors import DataError


@dataclass(frozen=True)
class Layout:
    """Where a split's files are and what its classes are called, by `dataset.json` or by mmseg's custom."""

    metainfo: dict[str, Any]
    data_prefix: dict[str, str]
    image_suffixes: tuple[str, ...]
    mask_suffix: str
    ignore_index: int

    @classmethod
    def find(cls, root: Path | str, split: str) -> Layout:
        """Read the layout of `root`; mmseg's `img_dir`/`ann_dir` where no `dataset.json` says otherwise."""
        if not (Path(root) / FILE_NAME).is_file():
            prefix = {"img_path": f"img_dir/{split}", "seg_map_path": f"ann_dir/{split}"}
            return cls({}, prefix, IMAGE_SUFFIXES, ".png", 255)
        info = DatasetInfo.read(root)
        prefix = {"img_path": str(info.image_dir(split)), "seg_map_path": str(info.mask_dir(split))}
        metainfo = {
            "classes": list(info.class_names),
            "palette": info.palette,
            "background": info.background,
        }
        assert info.masks is not None  # mask_dir above would have refused
        return cls(metainfo, prefix, (info.images.suffix,), info.masks.suffix, info.ignore_index)


def image_ids(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the images below a folder by id: the POSIX path relative to it, without suffix."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        suffix = next((end for end in suffixes if path.name.lower().endswith(end.lower())), None)
        if suffix is None or not path.is_file() or path.name.startswith("."):
            continue
        name = path.relative_to(folder).as_posix()[: -len(suffix)]
        if name in found:
            raise DataError(
                f"{found[name]} and {path} would be the same image; rename or remove one of them.",
                image_id=name,
            )
        found[name] = path
    return found


def read_list(path: Path | str) -> list[str]:
    """Read a LIST file: one image_id per line; blank lines and what follows a leading # do not count."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"The list {path} cannot be read: {error.strerror}.") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def missing_folder(folder: Path, *, root: Path | str) -> DataError:
    """Say which folder was expected and how a data set gets there."""
    return DataError(
        f"The images were expected in {folder}, which does not exist.\n"
        f"Put a data set in mmseg's layout there ({root}/img_dir/<split>, {root}/ann_dir/<split>), "
        "point SEGLOOP_DATA at the folder that holds your data sets, or draw a demo set: "
        "python tools/make_demo.py multiclass"
    )
