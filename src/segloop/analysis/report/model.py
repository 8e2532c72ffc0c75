"""Sections on the model: architecture, size, losses and metrics, hyper-parameters with their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segloop.analysis.report.blocks import (
    Block,
    Bullets,
    Content,
    Drawing,
    Fold,
    Heading,
    Note,
    Paragraph,
    Part,
    Span,
    Table,
    Tiles,
    cite,
    code,
    size,
)
from segloop.analysis.report.config_reading import dotted, split_path, value_at
from segloop.analysis.report.contents import Contents
from segloop.analysis.report.facts import Facts
from segloop.analysis.report.network import draw_network, network_parts, shape_text

# A word of a config, and what to read about it.
SOURCES: Mapping[str, str] = {
    "DepthwiseSeparableASPPHead": "chen2018deeplabv3plus",
    "ResNet": "he2016resnet",
    "DropoutUNet": "ronneberger2015unet",
    "MaskRCNN": "he2017maskrcnn",
    "FPN": "lin2017fpn",
    "GN": "wu2018groupnorm",
    "BN": "ioffe2015batchnorm",
    "AdamW": "loshchilov2019adamw",
    "MuonAdamW": "jordan2024muon",
    "CosineAnnealingLR": "loshchilov2017sgdr",
    "DiceLoss": "milletari2016vnet",
    "BatchDiceLoss": "milletari2016vnet",
    "FocalTverskyLoss": "abraham2019focaltversky",
    "LovaszLoss": "berman2018lovasz",
    "BoundaryLoss": "kervadec2019boundary",
    "PasteInstances": "ghiasi2021copypaste",
}
# What everybody asks for first, whether the config gives a reason or not.
ASKED: tuple[tuple[str | int, ...], ...] = (
    ("optim_wrapper", "optimizer", "type"),
    ("optim_wrapper", "optimizer", "lr"),
    ("optim_wrapper", "optimizer", "weight_decay"),
    ("optim_wrapper", "optimizer", "momentum"),
    ("optim_wrapper", "optimizer", "betas"),
    ("optim_wrapper", "clip_grad"),
    ("optim_wrapper", "type"),
    ("param_scheduler",),
    ("train_cfg", "max_iters"),
    ("train_cfg", "max_epochs"),
    ("train_dataloader", "batch_size"),
    ("train_dataloader", "num_workers"),
    ("model", "backbone", "norm_cfg", "type"),
    ("model", "decode_head", "dropout_ratio"),
    ("randomness", "seed"),
    ("default_hooks", "checkpoint", "save_best"),
)
# Top keys that change what is learned; others say where things lie and what is logged.
SETTINGS = frozenset(
    {
        *("model", "norm_cfg", "data_preprocessor", "train_pipeline", "train_dataloader", "kfold"),
        *("optim_wrapper", "param_scheduler", "train_cfg", "test_cfg", "load_from"),
        *("randomness", "env_cfg", "default_hooks", "custom_hooks"),
    }
)
MOST_VALUE = 70  # characters of a value in a table


def architecture(report: Contents) -> Part:
    """Return the network, drawn from model.json."""
    facts = report.first
    drawing = draw_network(facts.model)
    if drawing is None:
        why = facts.model.get("reason") or "model.json is not in the work_dir; a training writes it"
        return Part("Architecture", [Note(f"The network cannot be drawn: {why}.", level="warn")])
    rows = [
        [f"{part.block.name}.{block.name}", block.kind, shape_text(block.shape), f"{block.parameters:,}"]
        for part in network_parts(facts.model)
        for block in (*part.blocks,)
    ]
    below = (
        "Blocks in the order in which the model holds them; a list of blocks has rows of its own. Height: "
        "the map's height, width: its channels, both by their logarithm. Below: name, channels × height × "
        "width, parameters. Dashed: no map was seen, as of what is only there for training."
    )
    blocks: list[Block] = [
        Drawing(
            "network", drawing, f"Network {facts.model.get('class', '')}, drawn from its blocks", True, below
        ),
        Fold(
            "The blocks in a table", [Table("Blocks", ["block", "class", "gives", "parameters"], rows, [3])]
        ),
    ]
    named: list[str | Span] = [str(facts.model.get("class", "The network"))]
    for key in _cited(report, facts.config.get("model")):
        named += [" ", cite(key)]
    return Part("Architecture", blocks, lead=[*named, "."])


def _cited(report: Contents, part: Any) -> list[str]:
    words = set(_strings(part))
    keys = [key for word, key in SOURCES.items() if word in words]
    return report.known(*dict.fromkeys(keys))


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for each in part.values():
            yield from _strings(each)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _strings(each)


def model_size(report: Contents) -> Part:
    """Return parameters, memory and operations, and what was not counted."""
    model = report.first.model
    if not model:
        return Part("Model size", [Note("model.json is not in the work_dir.", level="warn")], short="Size")
    flops, macs = model.get("flops"), model.get("macs")
    tiles = [
        (f"{model.get('parameters') or 0:,}", "parameters"),
        (f"{model.get('trainable') or 0:,}", "of them trained"),
        (size(model.get("bytes")), "of weights in memory"),
        (f"{flops / 1e9:.2f} G" if flops else "–", f"FLOPs, input {shape_text(model.get('input_chw'))}"),
    ]
    blocks: list[Block] = [Tiles(tiles)]
    if macs:
        blocks.append(Paragraph(f"{macs / 1e9:.2f} G multiply-adds; one of them is two FLOPs.", small=True))
    if not flops:
        blocks.append(Note(f"FLOPs were not counted: {model.get('reason') or 'no reason is recorded'}."))
    by = model.get("flops_by_operator") or {}
    if len(by) > 1:
        rows = [[name, f"{count / 1e9:.3f}"] for name, count in sorted(by.items(), key=lambda item: -item[1])]
        blocks.append(
            Fold("FLOPs by operator", [Table("FLOPs by operator", ["operator", "GFLOPs"], rows, [1])])
        )
    assumed = model.get("assumed") or ()
    if assumed:
        blocks.append(Paragraph(f"Counted for {'; '.join(map(str, assumed))}.", small=True))
    left = model.get("not_counted") or {}
    if left:
        told = ", ".join(f"{name} ({count})" for name, count in sorted(left.items()))
        blocks.append(Paragraph(f"Not counted, with the number of calls: {told}.", small=True))
    return Part("Model size", blocks, short="Size")


def losses_and_metrics(report: Contents) -> Part:
    """Return what is minimised and what is measured, by which rules."""
    facts = report.first
    rows: list[list[Content]] = []
    for path, loss in _losses(facts.config.get("model"), ("model",)):
        rest = {key: value for key, value in loss.items() if key not in ("type", "loss_weight")}
        sources: list[str | Span] = [
            part for key in _cited(report, loss["type"]) for part in (" ", cite(key))
        ]
        rows.append(
            [
                code(dotted(path)),
                [str(loss["type"]), *sources],
                f"{loss.get('loss_weight', 1.0):g}",
                _shown(rest) if rest else "–",
                _reason(facts, path),
            ]
        )
    blocks: list[Block] = [Heading("Losses")]
    if rows:
        blocks.append(Table("Losses", ["where", "loss", "weight", "settings", "why"], rows, [2]))
    else:
        blocks.append(Note("The config names no losses."))
    blocks += [
        Heading("Rules of the metrics"),
        Bullets(
            [
                [Span("strong", f"{name}: "), text]
                for name, text in (facts.run.metrics.get("rules") or {}).items()
            ]
        ),
    ]
    return Part("Losses and metrics", blocks, short="Losses")


def _losses(
    part: Any, path: tuple[str | int, ...], *, inside: bool = False
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    if isinstance(part, Mapping):
        if inside and isinstance(part.get("type"), str):
            yield path, part
            return
        for key, each in part.items():
            yield from _losses(each, (*path, key), inside=str(key).startswith("loss"))
    elif isinstance(part, list | tuple):
        for place, each in enumerate(part):
            yield from _losses(each, (*path, place), inside=inside)


def hyper_parameters(report: Contents) -> Part:
    """Return settings with their reasons, out of the comments of the config."""
    facts = report.first
    if not facts.config:
        return Part("Hyper-parameters", [Note("No config lies beside the checkpoints.", level="warn")])
    paths: dict[str, tuple[str | int, ...]] = {}
    reasoned = (split_path(key) for key in facts.reasons)
    for path in (*ASKED, *(path for path in reasoned if path[0] in SETTINGS)):
        if value_at(facts.config, path) is not None:
            paths.setdefault(dotted(path), path)
    rows: list[list[Content]] = []
    for key, path in paths.items():
        rows.append([code(key), code(_shown(value_at(facts.config, path))), _reason(facts, path)])
    blocks: list[Block] = [Table("Hyper-parameters", ["setting", "value", "reason"], rows)]
    if facts.config_source is None:
        blocks.append(
            Note("The config's source is not there any more, and the reasons with it.", level="warn")
        )
    blocks.append(
        Paragraph(
            "Reasons are comments of the config and its bases; a value that was changed later keeps none.",
            small=True,
        )
    )
    return Part("Hyper-parameters", blocks, short="Settings")


def _reason(facts: Facts, path: Sequence[str | int]) -> Content:
    found = facts.reasons.get(dotted(path))
    if found is None:
        return "–"
    return [found.text, f" ({found.file})"] if found.file else found.text


def _shown(value: Any) -> str:
    """Return a value as the config writes it, the beginning of a long one."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= MOST_VALUE else f"{text[: MOST_VALUE - 1]}…"
