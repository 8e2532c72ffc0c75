"""What a training reads, images, labels and weights, as hashes that another training can be held against."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.device import get_device

from segloop.data.digests import file_digests
from segloop.experiments.provenance import command_line, provenance
from segloop.experiments.run_images import plain_datasets
from segloop.utils.progress import counted

WEIGHT_KEYS = ("checkpoint", "pretrained", "load_from")


def origin(
    config: Mapping[str, Any], *, datasets: Sequence[Any], work_dir: Path, seed: int, hash_data: bool = True
) -> dict[str, Any]:
    """Return what a training's result depends on beside its config: data, weights, code, versions, hardware.

    `datasets` are those of training and validation.
    """
    imports = (config.get("custom_imports") or {}).get("imports") or ()
    found = provenance(
        seed=seed,
        data_root=getattr(plain_datasets(datasets[0])[0], "data_root", None),
        folder=work_dir,
        modules=[imports] if isinstance(imports, str) else imports,
        hash_data=hash_data,
    )
    found["data"]["fold"] = dict(config["kfold"]) if config.get("kfold") else None
    found["data"]["read"] = files_read(datasets) if hash_data else None
    return {**found, "weights": weight_files(config), "device": get_device()}


def files_read(datasets: Sequence[Any]) -> dict[str, Any] | None:
    """Return number and hash of the files that data sets name, in the order in which they name them.

    Files of images and labels (`img_path`, `seg_map_path` …) and of annotations (`ann_file`) count, by their
    paths below the data's root and their bytes, so that a set may move. None where nothing names a file.
    """
    total = hashlib.sha256()
    files: dict[Path, bytes | None] = {}
    named = False
    for number, dataset in enumerate(part for each in datasets for part in plain_datasets(each)):
        root = _root(dataset)
        entries = list(_named_files(dataset))
        news = [path for path in dict.fromkeys(path for _, path in entries) if path not in files]
        with counted("files hashed") as progress:
            files |= zip(news, file_digests(news, cache=root, progress=progress), strict=True)
        for role, path in entries:
            named = True
            shown = "" if role == "ann_file" else _below(path, root)
            digest = files[path]
            total.update(f"{number}\0{role}\0{shown}\0{digest.hex() if digest else 'missing'}\n".encode())
    if not named:
        return None
    return {"files": len(files), "hash": f"sha256:{total.hexdigest()}"}


def newer_files(datasets: Sequence[Any], *, than: float) -> list[Path]:
    """Return the files that data sets name and that were changed after a time (seconds, epoch)."""
    paths = {
        path: None for each in datasets for part in plain_datasets(each) for _, path in _named_files(part)
    }
    return [path for path in paths if path.is_file() and path.stat().st_mtime > than]


def weight_files(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the files of weights that a config starts from: key, path as given, SHA-256 (None if not there).

    An address from the network is named without a hash.
    """
    found = []
    for key, value in _weight_keys(config):
        path = Path(value).expanduser()
        (digest,) = file_digests([path])
        found.append(
            {"key": key, "file": command_line([value])[0], "sha256": digest.hex() if digest else None}
        )
    return found


def _weight_keys(value: Any, keys: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{keys}.{key}" if keys else str(key)
            if key in WEIGHT_KEYS and isinstance(inner, str) and inner:
                yield place, inner
            elif keys or key == "model":
                yield from _weight_keys(inner, place)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _weight_keys(inner, f"{keys}.{number}")


def _named_files(dataset: Any) -> Iterator[tuple[str, Path]]:
    given = getattr(dataset, "ann_file", None)
    for name in given if isinstance(given, list | tuple) else [given]:  # a user's set may have several
        annotations = Path(name) if isinstance(name, str | Path) else Path()
        if annotations.suffix != ".txt" and annotations.is_file():  # what a list says shows in the samples
            yield "ann_file", annotations
    if not hasattr(dataset, "get_data_info"):
        return
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        for key in sorted(info):
            if key.endswith("_path") and isinstance(info[key], str):
                yield key, Path(info[key])


def _root(dataset: Any) -> Path | None:
    root = getattr(dataset, "data_root", None)
    return Path(root) if root and Path(root).is_dir() else None


def _below(path: Path, root: Path | None) -> str:
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.name
