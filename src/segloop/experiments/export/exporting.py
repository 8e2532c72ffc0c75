"""Exports a model: ONNX with notes, which is kept only if it does what torch does."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloop import ops
from segloop.analysis.thresholds import ComponentRule, Thresholds, find_thresholds
from segloop.data.palette import complete_colors
from segloop.experiments.config import is_semantic
from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.experiments.predict.find import Found, bare_model, class_names, find_model, test_steps
from segloop.experiments.writing import require_writable
from segloop.utils.errors import ConfigError, UserError
from segloop.utils.quiet import quiet, silent_imports

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
    target: Path | str,
    *,
    checkpoint: Path | str | None = None,
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    exporter: str = "auto",
    sizes_hw: Sequence[tuple[int, int]] = (),
    int8: int = 0,
    say: Say = print,
) -> Exported:
    """Write a model as ONNX and compare it with torch; a model that differs is not kept.

    `target` and `checkpoint` are as for `segloop.load`: a config, a work_dir, a RUN, a file of weights.
    With `int8` images of the training split its convolutions are brought to whole numbers of 8 bits; what is
    compared with torch is the float model before that. `out` is by default the checkpoint's path with `.onnx`
    as its suffix.
    """
    quiet()
    ops.install()  # before anything imports mmcv
    found = find_model(target, checkpoint, overrides=overrides)
    from segloop.experiments.strict import check_config

    check_config(found.config, path=found.config_file, overrides=overrides)
    if not is_semantic(found.config):
        raise UserError(INSTANCES)
    path = found.checkpoint
    place = Path(out) if out is not None else path.with_suffix(".onnx")
    if place.suffix != ".onnx":
        raise UserError(f"--out {place}: a model in ONNX is a file whose name ends in .onnx.")
    if place.is_dir():
        raise UserError(f"{place} is a folder; name a file to write.")
    require_writable(place.parent, flag="--out")
    model, beside = build(found)
    images = calibration_images(found.config, most=int8) if int8 else []  # minutes before they are needed
    from segloop.experiments.export.checking import SIZES_HW, compare
    from segloop.experiments.export.graph import SemanticGraph, write_graph
    from segloop.experiments.onnx.model import OnnxModel

    tuned = find_thresholds(path.parent)
    notes = gather_notes(found, model, beside, tuned)
    if tuned is not None:
        say(f"Thresholds of {tuned.file} go into it{tuned.doubt(path.name)}.")
    graph = SemanticGraph(model, divisor=notes.size_divisor, pad_value=model.data_preprocessor.pad_val)
    with tempfile.TemporaryDirectory(prefix=f".{place.stem}.", dir=place.parent) as folder:
        file = Path(folder) / "model.onnx"
        name = write_graph(graph.eval(), file, exporter=exporter)
        write_notes(file, notes)
        say(f"Exported by torch's {name} exporter; comparing with torch:")
        exported, differences = OnnxModel.load(file), []
        for difference in compare(exported, model, sizes_hw=sizes_hw or SIZES_HW):
            say(f"  {difference.line()}")
            differences.append(difference)
        result = Exported(place, tuple(differences))
        if not result.fits:
            return replace(result, path=None)
        if int8:
            from segloop.experiments.export.whole_numbers import compare_precisions, quantize

            whole = quantize(file, images, notes=notes)
            say(compare_precisions(file, whole, images))
            file = whole
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        file.chmod(0o666 & ~_umask())
        file.replace(place)
    return result


def build(found: Found) -> tuple[EncoderDecoder, dict[str, Any]]:
    """Return a model with its weights, in eval mode, and what stands beside the weights."""
    with silent_imports():
        from mmengine.registry import MODELS, init_default_scope

        import segloop.experiments.components  # noqa: F401
    from mmseg.models import EncoderDecoder

    from segloop.experiments.checkpoints import read_checkpoint, require_fit, weights_in
    from segloop.experiments.mistakes import config_mistakes

    init_default_scope(found.config.get("default_scope", "mmseg"))
    content = read_checkpoint(found.checkpoint)
    weights = weights_in(content, path=found.checkpoint)
    with config_mistakes():
        model = MODELS.build(bare_model(found.config))
    if not isinstance(model, EncoderDecoder):
        raise ConfigError(
            f"{type(model).__name__} cannot be exported: semantic models that are an EncoderDecoder can."
        )
    require_fit(model, weights, path=found.checkpoint)
    model.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    beside = content.get("meta") if isinstance(content, dict) else None
    return model.eval(), dict(beside) if isinstance(beside, dict) else {}


def gather_notes(
    found: Found, model: EncoderDecoder, beside: Mapping[str, Any], tuned: Thresholds | None
) -> ModelNotes:
    """Return what a runner must know: classes, the test pipeline, the model's parts, tuned thresholds."""
    from torch.nn import ModuleList

    from segloop.experiments.run_images import sha256

    preprocessor, heads = model.data_preprocessor, model.decode_head
    head: Any = heads[-1] if isinstance(heads, ModuleList) else heads  # of a cascade the last one tells
    classes = class_names(found, beside, count=int(head.num_classes), semantic=True)
    colors = complete_colors([label.color for label in classes.labels], background=classes.background)
    single = model.out_channels == 1
    if tuned is not None:  # those of another model would be lost without a word, or refused by each runner
        tuned.of([label.name for label in classes.foreground], ComponentRule)
    padding = preprocessor.test_cfg or {}
    if padding.get("size"):
        raise ConfigError("data_preprocessor.test_cfg.size pads to a fixed size, which is not exported.")
    normalized = preprocessor._enable_normalize
    return ModelNotes(
        classes=classes.names,
        palette=tuple((color[0], color[1], color[2]) for color in colors),
        background=classes.background,
        ignore_index=int(getattr(head, "ignore_index", 255)),
        activation="sigmoid" if single else "softmax",
        threshold=float(head.threshold) if single else None,
        mean=tuple(preprocessor.mean.flatten().tolist()) if normalized else (),
        std=tuple(preprocessor.std.flatten().tolist()) if normalized else (),
        channel_order="rgb" if preprocessor._channel_conversion else "bgr",
        size_divisor=int(padding.get("size_divisor") or 1),
        resizing=_resizing(test_steps(found.config)),
        align_corners=bool(model.align_corners),
        windows=_windows(model),
        thresholds=None if tuned is None else json.loads(Path(str(tuned.file)).read_text(encoding="utf-8")),
        source={
            "config": found.config_file.name,
            "checkpoint": found.checkpoint.name,
            "sha256": sha256(found.checkpoint),
        },
    )


def write_notes(path: Path, notes: ModelNotes) -> None:
    """Put the notes into an ONNX file."""
    import onnx

    content = onnx.load(path)
    onnx.helper.set_model_props(content, notes.metadata())
    onnx.save(content, path)


def _resizing(steps: Sequence[Mapping[str, Any]]) -> Resizing | None:
    """Return how the test pipeline resizes images; steps that a runner could not repeat are refused."""
    found, unknown = None, []
    for step in steps:
        kind = str(step.get("type")).rpartition(".")[2]
        if kind == "LoadImageFromFile":
            wrong = [key for key in ("to_float32", "color_type", "imdecode_backend") if key in step]
            if any(step[key] not in (False, "color", "cv2", None) for key in wrong):
                unknown.append(f"LoadImageFromFile with {', '.join(wrong)}")
        elif kind == "Resize" and found is None and _to_a_scale(step):
            scale = step["scale"]
            across, down = (scale, scale) if isinstance(scale, int) else scale
            found = Resizing((int(across), int(down)), bool(step.get("keep_ratio", False)))
        elif kind not in LABELS:
            unknown.append(kind)
    if unknown:
        raise ConfigError(
            f"The test pipeline has steps that an exported model's runner does not do: {', '.join(unknown)}. "
            "It reads colour images of 8 bits and resizes them to a scale, once."
        )
    return found


def _to_a_scale(step: Mapping[str, Any]) -> bool:
    return bool(step.get("scale")) and {*step} <= {"type", "scale", "keep_ratio"}


def _windows(model: EncoderDecoder) -> Windows | None:
    told = model.test_cfg or {}
    if told.get("mode", "whole") != "slide":
        return None
    crop, stride = told["crop_size"], told["stride"]
    return Windows((int(crop[0]), int(crop[1])), (int(stride[0]), int(stride[1])))


def calibration_images(config: Config, *, most: int) -> list[Path]:
    """Return images of the training split, `most` of them or all, evenly over their order."""
    from mmengine.registry import DATASETS

    from segloop.experiments.data_checks import innermost

    loader = config.get("train_dataloader")
    if loader is None:
        raise ConfigError("The config has no train_dataloader, whose images whole numbers are fitted to.")
    dataset = DATASETS.build({**innermost(loader.dataset), "pipeline": []})
    count = len(dataset)
    many = min(most, count)
    places = [round(each * (count - 1) / max(many - 1, 1)) for each in range(many)]
    return [Path(dataset.get_data_info(place)["img_path"]) for place in places]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


INSTANCES = (
    "Mask R-CNN and other models of mmdet cannot be exported. torch's TorchScript exporter makes mmdet take "
    "a branch that imports mmdet.core, which mmdet 3 no longer has; torch.export stops at non-maximum "
    "suppression, whose result has as many boxes as the image happens to hold. tools/predict.py and "
    "tools/serve.py run such models by torch. More: docs/export.md"
)
