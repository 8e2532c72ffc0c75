"""Loads a model by what it is: an exported one by ONNX Runtime, without torch; anything else by torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segloop.experiments.predict.model import Model
from segloop.utils.errors import MissingDependency, UserError

EXPORTED = ".onnx"
INSTALL = "pip install -r requirements.txt"


def start(
    target: Path | str,
    checkpoint: Path | str | None = None,
    *,
    device: str | None = None,
    overrides: Sequence[str] = (),
    unsafe_load: bool = False,
    **settings: Any,
) -> Model:
    """Load an `.onnx` file, or what `segloop.experiments.predict.load` loads."""
    if Path(target).suffix.lower() == EXPORTED:
        if checkpoint is not None or overrides:
            word = checkpoint if checkpoint is not None else overrides[0]
            raise UserError(f"{target} holds its weights and needs no config: {word} is too much.")
        if device not in (None, "cpu"):
            raise UserError(f"--device {device}: exported models run on a CPU.")
        from segloop.experiments.onnx.predicting import load_onnx

        return load_onnx(target, **settings)
    if find_spec("torch") is None:
        raise MissingDependency("torch", why="only exported models (.onnx) run without it", command=INSTALL)
    from segloop.experiments.checkpoints import trusting
    from segloop.experiments.predict.load import load

    with trusting(unsafe_load):
        return load(target, checkpoint, device=device, overrides=overrides, **settings)
