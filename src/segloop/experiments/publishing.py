"""Turns a checkpoint into what can be given away: weights, config, a card, and its thresholds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segloop.analysis.thresholds import FILE_NAME, find_thresholds, write_thresholds
from segloop.experiments.checkpoints import VERSIONS, read_checkpoint, weights_in
from segloop.experiments.config import find_checkpoint
from segloop.experiments.model_card import Sources, gather, model_card
from segloop.experiments.provenance import home_folder
from segloop.experiments.run_images import sha256
from segloop.experiments.tensor_file import SUFFIX, write_tensors
from segloop.utils.atomic import open_atomic, write_text
from segloop.utils.errors import UserError, writing

CARD, CONFIG = "README.md", "config.py"
# Of one machine, or of one training: no business of whoever gets the model.
PRIVATE = ("work_dir", "load_from", "resume", "launcher")


def publish(target: Path | str, *, out: Path | str | None = None, force: bool = False) -> Path:
    """Write weights, config and card of a checkpoint to a folder; return the file with the weights.

    `target` is a checkpoint, a work_dir or a config (its best checkpoint, else its newest). `out` is a folder
    (by default `published` in the work_dir), or a file whose stem is taken and whose suffix is `.safetensors`
    or `.pth`. As in OpenMMLab the name ends in eight digits of the file's SHA-256, but of the one written.
    Thresholds that were tuned on this checkpoint go with it, for its scores are scores with them; those of
    another one do not.
    """
    checkpoint, work_dir = _find(Path(target))
    folder, stem, suffix = _destination(out, work_dir, checkpoint)
    if taken := [name for name in (CARD, CONFIG, FILE_NAME) if (folder / name).exists() and not force]:
        raise UserError(f"{folder} has {' and '.join(taken)} already; --force replaces what is there.")
    tuned = find_thresholds(work_dir)
    content = read_checkpoint(checkpoint)
    weights = weights_in(content, path=checkpoint)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    notes = _notes(content, weights, experiment=work_dir.resolve().name)
    path = _write(folder, stem, suffix, weights, notes)
    sources = gather(work_dir, checkpoint=checkpoint, checkpoint_sha256=sha256(checkpoint), file=path.name)
    if config := _config_text(work_dir, sources):
        write_text(folder / CONFIG, config)
    if tuned and tuned.tuned_on.get("checkpoint") in (None, checkpoint.name):
        named = replace(tuned, tuned_on={**tuned.tuned_on, "checkpoint": path.name})  # as it is called now
        write_thresholds(folder / FILE_NAME, named)
    elif force:
        (folder / FILE_NAME).unlink(missing_ok=True)  # of the model that was there before
    write_text(folder / CARD, model_card(sources))
    return path


def _find(target: Path) -> tuple[Path, Path]:
    if target.suffix in (".pth", SUFFIX):
        return find_checkpoint(target, work_dir=target.parent), target.parent
    work_dir = Path("work_dirs") / target.stem if target.suffix == ".py" else target
    if not work_dir.is_dir():
        raise UserError(f"{target} is no checkpoint, and there is no work_dir {work_dir}.")
    return find_checkpoint(None, work_dir=work_dir), work_dir


def _destination(out: Path | str | None, work_dir: Path, checkpoint: Path) -> tuple[Path, str, str]:
    """Return folder, stem and suffix of the file to write."""
    name = f"{work_dir.resolve().name}_{checkpoint.stem}"
    out = Path(out) if out is not None else work_dir / "published"
    if out.suffix in (".pth", SUFFIX):
        return out.parent, out.stem, out.suffix
    return out, name, SUFFIX


def _notes(content: Any, weights: Mapping[str, Tensor], *, experiment: str) -> dict[str, str]:
    """Return what goes beside the weights: classes, their background, layout versions of torch's modules."""
    notes = {"format": "pt", "experiment": experiment}
    meta = content.get("meta") if isinstance(content, dict) else None
    described = meta.get("dataset_meta") if isinstance(meta, dict) else None
    for key in ("classes", "palette", "background"):
        if isinstance(described, dict) and described.get(key) is not None:
            notes[key] = json.dumps(described[key], ensure_ascii=False, default=_listed)
    state = content.get("state_dict") if isinstance(content, dict) else None
    versions = {
        prefix: entry.get("version")
        for prefix, entry in (getattr(state, "_metadata", None) or {}).items()
        if (entry.get("version") or 1) > 1
    }
    if versions:
        notes[VERSIONS] = json.dumps(versions, sort_keys=True)
    return notes


def _listed(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a note")


def _write(folder: Path, stem: str, suffix: str, weights: dict[str, Tensor], notes: dict[str, str]) -> Path:
    partial = folder / f".{stem}.partial{suffix}"
    try:
        if suffix == SUFFIX:
            write_tensors(partial, weights, notes=notes)
        else:
            with open_atomic(partial, "wb") as file:
                torch.save(
                    {"meta": notes, "state_dict": {n: value.clone() for n, value in weights.items()}}, file
                )
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        return partial.replace(folder / f"{stem}-{digest[:8]}{suffix}")
    finally:
        partial.unlink(missing_ok=True)


def _config_text(work_dir: Path, sources: Sources) -> str | None:
    """Return the flattened config as it was tested or trained, without what is of one machine only."""
    own = ((sources.train or {}).get("config") or {}).get("file")  # another training may have left its own
    kept = [work_dir / own] if own else sorted(work_dir.glob("*.py"))
    dumped = [sources.run.folder / CONFIG] if sources.run else kept
    if not dumped or not dumped[0].is_file():
        return None
    text = dumped[0].read_text(encoding="utf-8")
    # It is read as text: a config is a program, and publishing need not run it.
    lines = [line for line in text.splitlines() if not re.match(rf"({'|'.join(PRIVATE)}) = ", line)]
    home = str(home_folder())
    text = "\n".join(lines) + "\n"
    return text.replace(f"{home}/", "~/") if len(home) > 1 else text
