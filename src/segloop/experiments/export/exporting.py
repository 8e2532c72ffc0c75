"""Exports a checkpoint: builds its model, writes ONNX with notes, and keeps it only if it does what torch does."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop.analysis.thresholds import find_thresholds
from segloop.data.palette import complete_colors
from segloop.experiments.config import find_checkpoint, is_semantic
from segloop.experiments.launch import Options, prepare
from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.utils.errors import ConfigError, UserError
from segloop.utils.quiet import silent_imports

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmseg.models import EncoderDecoder

    from segloop.experiments.export.checking import Difference

LABELS = ("LoadAnnotations", "LoadIndexMask", "PackSegInputs")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """An exported model: where it is, and how it differs from torch; `path` is None where it was not kept."""

    path: Path | None
    differences: tuple[Difference, ...]

    @property
    def fits(self) -> bool:
        """Whether the model does what torch does, within the bounds."""
        return all(each.fits for each in self.differences)


def export(
    options: Options,
    *,
    checkpoint: str | None = None,
    out: Path | str | None = None,
    exporter: str = "auto",
    sizes_hw: Sequence[tuple[int, int]] = (),
    int8: int = 0,
    say: Say = print,
) -> Exported:
    """Write a model as ONNX and compare it with torch; a model that differs is not kept.

    With `int8` images of the training split its convolutions are brought to whole numbers of 8 bits; what is
    compared with torch is the float model before that. `out` is by default the checkpoint's path with `.onnx` as its suffix.
    """
    config = prepare(options)
    if not is_semantic(config):
        raise UserError(INSTANCES)
    path = find_checkpoint(checkpoint, work_dir=config.work_dir)
    target = Path(out) if out is not None else path.with_suffix(".onnx")
    if target.suffix != ".onnx":
        raise UserError(f"--out {target}: a model in ONNX is a file whose name ends in .onnx.")
    model, meta = build(config, path)
    from segloop.experiments.export.checking import SIZES_HW, compare
    from segloop.experiments.export.graph import SemanticGraph, write_graph
    from segloop.experiments.onnx.model import OnnxModel

    notes = gather_notes(config, model, meta, checkpoint=path)
    graph = SemanticGraph(model, divisor=notes.size_divisor, pad_value=model.data_preprocessor.pad_val)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.stem}.", dir=target.parent) as folder:
        file = Path(folder) / "model.onnx"
        name = write_graph(graph.eval(), file, exporter=exporter)
        write_notes(file, notes)
        say(f"Exported by torch's {name} exporter; comparing with torch:")
        exported, found = OnnxModel.load(file), []
        for difference in compare(exported, model, sizes_hw=sizes_hw or SIZES_HW):
            say(f"  {difference.line()}")
            found.append(difference)
        result = Exported(target, tuple(found))
        if not result.fits:
            return replace(result, path=None)
        if int8:
            from segloop.experiments.export.whole_numbers import compare_precisions, quantize

            images = calibration_images(config, most=int8)
            whole = quantize(file, images, notes=notes)
            say(compare_precisions(file, whole, images))
            file = whole
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        file.chmod(0o666 & ~_umask())
        file.replace(target)
    return result


def build(config: Config, checkpoint: Path) -> tuple[EncoderDecoder, Mapping[str, Any]]:
    """Return the config's model with a checkpoint's weights, in eval mode, and what the checkpoint tells."""
    with silent_imports():
        from mmengine.registry import MODELS, init_default_scope

        import segloop.experiments.components  # noqa: F401
    from mmseg.models import EncoderDecoder

    from segloop.experiments.checkpoints import read_checkpoint, require_fit, weights_in
    from segloop.experiments.mistakes import config_mistakes

    init_default_scope(config.get("default_scope", "mmseg"))
    content = read_checkpoint(checkpoint)
    weights = weights_in(content, path=checkpoint)
    with config_mistakes():
        model = MODELS.build(config.model)
    if not isinstance(model, EncoderDecoder):
        raise ConfigError(
            f"{type(model).__name__} cannot be exported: semantic models that are an EncoderDecoder can."
        )
    require_fit(model, weights, path=checkpoint)
    model.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    meta = content.get("meta") if isinstance(content, Mapping) else None
    return model.eval(), meta if isinstance(meta, Mapping) else {}


def gather_notes(
    config: Config, model: EncoderDecoder, meta: Mapping[str, Any], *, checkpoint: Path
) -> ModelNotes:
    """Return what a runner must know: of the checkpoint's classes, the test pipeline and the model's parts."""
    from segloop.experiments.metrics import find_background
    from segloop.experiments.run_images import sha256

    told = _dataset_meta(config, meta)
    names = tuple(map(str, told["classes"]))
    background = find_background("auto", {**told, "classes": names})
    preprocessor, head = model.data_preprocessor, model.decode_head
    single = model.out_channels == 1
    tuned = find_thresholds(checkpoint.parent)
    padding = preprocessor.test_cfg or {}
    if padding.get("size"):
        raise ConfigError("data_preprocessor.test_cfg.size pads to a fixed size, which is not exported.")
    order = "rgb" if preprocessor._channel_conversion else "bgr"
    plain = not preprocessor._enable_normalize
    return ModelNotes(
        classes=names,
        palette=_palette(told.get("palette"), len(names), background),
        background=background,
        ignore_index=int(getattr(head, "ignore_index", 255)),
        activation="sigmoid" if single else "softmax",
        threshold=float(head.threshold) if single else None,
        mean=() if plain else tuple(preprocessor.mean.flatten().tolist()),
        std=() if plain else tuple(preprocessor.std.flatten().tolist()),
        channel_order=order,
        size_divisor=int(padding.get("size_divisor") or 1),
        resizing=_resizing(config),
        windows=_windows(model),
        thresholds=None if tuned is None else json.loads(Path(str(tuned.file)).read_text(encoding="utf-8")),
        source={
            "config": Path(config.filename or "config").name,
            "checkpoint": checkpoint.name,
            "sha256": sha256(checkpoint),
        },
    )


def write_notes(path: Path, notes: ModelNotes) -> None:
    """Put the notes into an ONNX file."""
    import onnx

    content = onnx.load(path)
    onnx.helper.set_model_props(content, notes.metadata())
    onnx.save(content, path)


def _dataset_meta(config: Config, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return classes, palette and background: from the checkpoint, else from the config or its data set."""
    told = dict(meta.get("dataset_meta") or {})
    if not told.get("classes"):
        for key in ("classes", "palette"):  # a published file keeps them as JSON
            if isinstance(meta.get(key), str):
                told[key] = json.loads(meta[key])
    if not told.get("classes"):
        from segloop.experiments.data_checks import class_names, innermost

        dataset = innermost(config.test_dataloader.dataset) if config.get("test_dataloader") else {}
        told = {**(dataset.get("metainfo") or {}), "classes": class_names(dataset) or ()}
    if not told.get("classes"):
        raise ConfigError(
            "Neither the checkpoint nor the config names the classes, which the exported file has to: set "
            "metainfo=dict(classes=[…], palette=[…]) in the config's data set."
        )
    return told


def _palette(colors: Any, count: int, background: int | None) -> tuple[tuple[int, int, int], ...]:
    given = [tuple(map(int, color)) for color in colors] if colors is not None else []
    wanted: list[Any] = [given[place] if place < len(given) else None for place in range(count)]
    return tuple((c[0], c[1], c[2]) for c in complete_colors(wanted, background=background))


def _resizing(config: Config) -> Resizing | None:
    """Return how the test pipeline resizes images; steps that a runner could not repeat are refused."""
    from segloop.experiments.data_checks import innermost

    found, unknown = None, []
    loader = config.get("test_dataloader")
    for step in innermost(loader.dataset).get("pipeline", []) if loader else []:
        kind = str(step.get("type")).rpartition(".")[2]
        if kind == "LoadImageFromFile":
            wrong = [key for key in ("to_float32", "color_type", "imdecode_backend") if key in step]
            if any(step[key] not in (False, "color", "cv2", None) for key in wrong):
                unknown.append(f"LoadImageFromFile with {', '.join(wrong)}")
        elif kind == "Resize" and step.get("scale") and {*step} <= {"type", "scale", "keep_ratio"}:
            scale = step["scale"]
            across, down = (scale, scale) if isinstance(scale, int) else scale
            found = Resizing((int(across), int(down)), bool(step.get("keep_ratio", False)))
        elif kind not in LABELS:
            unknown.append(kind)
    if unknown:
        raise ConfigError(
            f"The test pipeline has steps that an exported model's runner does not do: {', '.join(unknown)}. "
            "It reads colour images of 8 bits and resizes them to a scale."
        )
    return found


def _windows(model: EncoderDecoder) -> Windows | None:
    told = model.test_cfg or {}
    if told.get("mode", "whole") != "slide":
        return None
    crop, stride = told["crop_size"], told["stride"]
    return Windows((int(crop[0]), int(crop[1])), (int(stride[0]), int(stride[1])))


def calibration_images(config: Config, *, most: int) -> list[Path]:
    """Return images of the training split, `most` of them, evenly over their order."""
    from mmengine.registry import DATASETS

    from segloop.experiments.data_checks import innermost

    loader = config.get("train_dataloader")
    if loader is None:
        raise ConfigError("The config has no train_dataloader, whose images whole numbers are fitted to.")
    dataset = DATASETS.build({**innermost(loader.dataset), "pipeline": []})
    count = len(dataset)
    places = sorted({round(each * (count - 1) / max(most - 1, 1)) for each in range(min(most, count))})
    return [Path(dataset.get_data_info(place)["img_path"]) for place in places]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


INSTANCES = ""
