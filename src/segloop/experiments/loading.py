"""Puts our reader behind every door by which mmengine, mmcv, mmseg and mmdet load a checkpoint.

`load_from`, `--resume`, `init_cfg=dict(type='Pretrained')` and the `pretrained` of old models all end in
mmengine's `CheckpointLoader`, which asks one function per kind of address.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mmengine
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.logging import HistoryBuffer
from mmengine.runner import (
    CheckpointLoader,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
)
from torch import Tensor

from segloop.experiments.checkpoints import MapLocation, read_checkpoint
from segloop.utils.errors import ConfigError, nearest


def install() -> None:
    """Take the place of mmengine's loaders; doing it again changes nothing."""
    for prefixes, loader in (
        ("", load_from_local),
        (("http://", "https://"), load_from_http),
        (("torchvision://", "modelzoo://"), load_from_torchvision),
        (("open-mmlab://", "openmmlab://"), load_from_openmmlab),
        ("mmcls://", load_from_mmcls),
        (("pavi://", r"(\S+\:)?s3://", r"(\S+\:)?petrel://"), load_from_elsewhere),
    ):
        CheckpointLoader.register_scheme(prefixes, loader, force=True)


def load_from_local(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Load a file as data, in the form that mmengine expects."""
    content = read_checkpoint(filename, map_location=map_location)
    if not isinstance(content, dict):
        raise ConfigError(f"{filename} holds no weights, but a {type(content).__name__}.")
    return for_mmengine(content)


def for_mmengine(content: dict[str, Any]) -> dict[str, Any]:
    """Give the message hub its histories back, and take out what mmengine would run."""
    meta, hub = content.get("meta"), content.get("message_hub")
    if isinstance(meta, dict):
        meta.pop("config", None)  # the text of a config, which Runner.resume executes as Python
    if isinstance(hub, dict) and isinstance(hub.get("log_scalars"), dict):
        logs = ((name, _history(value)) for name, value in hub["log_scalars"].items())
        hub["log_scalars"] = OrderedDict((name, value) for name, value in logs if value is not None)
    return content


def load_from_http(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Fetch a file into torch's cache, once, and load it as data."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / _cached_as(filename)
    if is_main_process():
        _fetch(filename, path)
    barrier()
    _fetch(filename, path)  # on another machine the cache is another one
    return load_from_local(str(path), map_location)


def load_from_torchvision(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Load what `torchvision://resnet50` names, without torchvision."""
    known = mmengine.load(Path(mmengine.__file__).parent / "hub/torchvision_0.12.json")
    return load_from_http(_address(filename, known), map_location)


def load_from_openmmlab(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Load what `open-mmlab://resnet50_v1c` names."""
    known, renamed = get_external_models(), get_deprecated_model_names()
    scheme, _, name = filename.partition("://")
    address = _address(f"{scheme}://{renamed.get(name, name)}", known)
    load = load_from_http if address.startswith(("http://", "https://")) else load_from_local
    return load(address, map_location)


def load_from_mmcls(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Load the backbone of what `mmcls://` names."""
    content = load_from_http(_address(filename, get_mmcls_models()), map_location)
    weights = content.get("state_dict", content)
    prefix = "backbone."
    return {
        "state_dict": OrderedDict(
            (name.removeprefix(prefix), value) for name, value in weights.items() if name.startswith(prefix)
        )
    }


def load_from_elsewhere(filename: str, map_location: MapLocation = None) -> dict[str, Any]:
    """Refuse addresses whose files only mmengine's own loader could read."""
    raise ConfigError(
        f"{filename} cannot be read from there safely; copy it to this machine and name the file."
    )


def _cached_as(address: str) -> str:
    """Return a name for an address in torch's cache: the file's own where that holds a hash, as all zoos' do.

    Hubs have thousands of files called `model.safetensors`, and the first would pass for each of them.
    """
    name = Path(urlparse(address).path).name
    if re.search(r"-[0-9a-f]{8,}\.", name):
        return name
    return f"{hashlib.sha256(address.encode()).hexdigest()[:8]}-{name}"


def _fetch(address: str, path: Path) -> None:
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(address, str(path), progress=False)
    except OSError as error:
        raise ConfigError(
            f"{address} cannot be fetched ({error}). Download it where you can, and name the file instead, "
            "for example with --cfg-options model.backbone.init_cfg.checkpoint=FILE"
        ) from error


def _address(filename: str, known: dict[str, str]) -> str:
    name = filename.partition("://")[2]
    if name not in known:
        raise ConfigError(f"mmengine knows no {filename}.{nearest(name, known)}")
    return known[name]


def _history(value: Any) -> HistoryBuffer | None:
    """Make a history of its plain form; None where it is none."""
    if isinstance(value, HistoryBuffer):  # of a file that was loaded with --unsafe-load
        return value
    if not isinstance(value, dict):
        return None
    logs, counts, limit = (value.get(key) for key in ("log_history", "count_history", "max_length"))
    if not (isinstance(logs, Tensor) and isinstance(counts, Tensor) and isinstance(limit, int)):
        return None
    if logs.dim() != 1 or logs.shape != counts.shape:
        return None
    return HistoryBuffer(logs.cpu().numpy(), counts.cpu().numpy(), limit)
