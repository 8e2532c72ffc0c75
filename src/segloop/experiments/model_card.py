"""Writes the card of a published model out of what its training and its test recorded, limits included."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segloop.analysis.runs import Run, list_runs, read_run
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.experiments.config import FOLDS
from segloop.utils.atomic import read_record
from segloop.utils.errors import UserError

UNKNOWN = "not recorded"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a card is made from; each part may be missing, and the card says so."""

    name: str
    file: str
    checkpoint: str
    train: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    run: Run | None = None
    dataset: DatasetInfo | None = None


def gather(work_dir: Path, *, checkpoint: Path, checkpoint_sha256: str | None, file: str) -> Sources:
    """Collect the records of a work_dir; scores count only if this very checkpoint was tested."""
    tested: list[Run] = []
    for folder in list_runs(work_dir):
        try:
            candidate = read_run(folder)
        except UserError:  # a RUN that lost files is no witness
            continue
        if checkpoint_sha256 and (candidate.meta.get("checkpoint") or {}).get("sha256") == checkpoint_sha256:
            tested.append(candidate)
    run = max(tested, key=lambda run: (run.meta["split"] == "test", run.meta["finished"]), default=None)
    train = read_record(work_dir / "train.json")
    data = (run.meta.get("data") or {}) if run else (train or {}).get("data") or {}
    root = run.data_root if run else work_dir / (data.get("root") or ".")
    dataset = None
    if data.get("name") and (root / FILE_NAME).is_file():
        try:
            found = DatasetInfo.read(root)
        except UserError:
            found = None
        if found and found.content_hash == data.get("content_hash"):  # not another version of it
            dataset = found
    return Sources(
        name=(train or {}).get("experiment") or work_dir.resolve().name,
        file=file,
        checkpoint=checkpoint.name,
        train=train,
        model=read_record(work_dir / "model.json"),
        run=run,
        dataset=dataset,
    )


def model_card(sources: Sources) -> str:
    """Return the card as Markdown, with the opening that model hubs read."""
    blocks = [
        "---\nlibrary_name: segloop\npipeline_tag: image-segmentation\ntags:\n- openmmlab\n---",
        f"# {sources.name}",
        _opening(sources),
        "## Licence\n\nNone is given here: whoever publishes the model chooses one, and names it here "
        f"and as `license:` in the opening. The data's licence: {_data_licence(sources)}.",
        f"## Use\n\n```\npython tools/test.py config.py {sources.file}\n```\n\nThe file holds weights "
        "only. It is taken wherever a checkpoint is: `load_from`, `init_cfg`, `tools/test.py`.",
        "## Data\n\n" + _bullets(_data(sources)),
        "## Scores\n\n" + _scores(sources),
        "## Limits\n\n" + _bullets(_limits(sources)),
        "## How it was made\n\n" + _bullets(_making(sources)),
    ]
    return "\n\n".join(blocks) + "\n"


def _opening(sources: Sources) -> str:
    parameters = (sources.model or {}).get("parameters")
    size = f"{parameters / 1e6:.1f} M parameters" if parameters else f"parameters: {UNKNOWN}"
    classes = sources.run.class_names if sources.run else []
    told = f" It tells {len(classes)} classes apart: {', '.join(classes)}." if classes else ""
    return f"A segmentation model, {size}.{told}"


def _data_licence(sources: Sources) -> str:
    return (sources.dataset.licence if sources.dataset else None) or UNKNOWN


def _data(sources: Sources) -> Iterator[str]:
    train = sources.train or {}
    data = train.get("data") or {}
    yield f"Trained on: {data.get('name') or UNKNOWN}, {train.get('images') or '?'} images"
    if data.get("content_hash"):
        yield f"Content hash: {data['content_hash']}"
    else:  # the set has no dataset.json, but the files that were read are known
        yield f"Hash of the files that were read: {(data.get('read') or {}).get('hash') or UNKNOWN}"
    if fold := data.get("fold"):
        yield f"Fold {fold.get('fold')} of {fold.get('folds', FOLDS)} was left out to validate on"
    if sources.dataset:
        yield f"Source: {sources.dataset.source or UNKNOWN}"
        if sources.dataset.generator:
            yield f"Drawn by: {sources.dataset.generator}, seed {sources.dataset.seed}"
    if sources.run:
        yield f"Tested on: split `{sources.run.meta['split']}`, {sources.run.meta.get('images')} images"


def _scores(sources: Sources) -> str:
    run = sources.run
    if run is None or "scores" not in run.metrics:
        return f"`{sources.checkpoint}` was not tested, so there are none. Test it, then publish again."
    means = run.metrics.get("image_means") or {}
    lines = ["| score | over the set | mean over images |", "|---|---|---|"]
    whole = [name for name in run.metrics["scores"] if "." not in name]
    lines += [
        f"| {name} | {_number(run.metrics['scores'][name])} | {_number(means.get(name))} |" for name in whole
    ]
    if kinds := _class_scores(run):
        lines += ["", f"| class | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for name in run.class_names if kinds else ():
        values = (_number(run.metrics["scores"].get(f"{kind}.{name}")) for kind in kinds)
        lines.append(f"| {name} | {' | '.join(values)} |")
    rules = run.metrics.get("rules") or {}
    return "\n".join([*lines, "", "The rules of these numbers:", "", _bullets(rules.values())])


def _class_scores(run: Run) -> list[str]:
    """Return the scores that a RUN has of each class: `IoU` and `Dice`, or those of objects."""
    if run.kind == "semantic":
        return ["IoU", "Dice"]
    return list(dict.fromkeys(name.partition(".")[0] for name in run.metrics["scores"] if "." in name))


def _limits(sources: Sources) -> Iterator[str]:
    train, run = sources.train or {}, sources.run
    name = (train.get("data") or {}).get("name") or "its own data"
    yield f"Nothing is known of pictures that are unlike {name}; test it on yours before you rely on it."
    if sources.dataset and sources.dataset.generator:
        yield "The pictures were drawn by a program; the scores say nothing of photographs."
    if run is not None:
        kinds = _class_scores(run) if "scores" in run.metrics else []
        kind = "Dice" if "Dice" in kinds else kinds[0] if kinds else ""
        scores = {each: run.scores.get(f"{kind}.{each}") for each in run.class_names if kind}
        known = {each: value for each, value in scores.items() if value is not None and value == value}
        if known:
            weakest = min(known, key=lambda each: known[each])
            yield f"Weakest class: {weakest}, {kind} {known[weakest]:.3f}."
        if lost := [each for each in scores if each not in known]:
            yield f"No pictures to judge by: {', '.join(lost)}."
        if run.meta["split"] != "test":
            yield f"The scores are of the split `{run.meta['split']}`, which may have chosen the checkpoint."
        if run.meta.get("reduce_zero_label"):
            yield "Index 0 of the predictions is value 1 of the masks (`reduce_zero_label`)."
        yield f"The scores are of one training (seed {run.meta.get('seed')}); another seed gives others."
    if metric := re.fullmatch(r"best_(.+)_(?:iter|epoch)_\d+\.pth", sources.checkpoint):
        yield f"The checkpoint was chosen by {metric[1]} on the validation split."
    if train.get("state") not in (None, "done"):
        yield f"The training was not finished: {train['state']} at iteration {train.get('last_iter')}."


def _making(sources: Sources) -> Iterator[str]:
    train = sources.train
    if train is None:
        yield f"The training is {UNKNOWN}."
        return
    code, hardware = train.get("code") or {}, train.get("hardware") or {}
    changed = ", with files changed since" if code.get("dirty") else ""
    duration = (train.get("duration_s") or 0) + sum(
        part.get("duration_s") or 0 for part in train.get("earlier") or ()
    )
    versions = (f"{name} {version}" for name, version in (train.get("versions") or {}).items() if version)
    yield f"Command: `{shlex.join(train.get('command') or ()) or UNKNOWN}`"
    yield f"Commit: {code['commit'] + changed if code.get('commit') else UNKNOWN}"
    yield f"Seed: {train.get('seed')}"
    yield f"Iterations: {train.get('last_iter')} of {train.get('max_iters')}"
    yield f"Images per iteration: {train.get('batch_size')}"
    yield f"Time: {duration / 60:.0f} minutes on {hardware.get('gpu') or hardware.get('cpu') or UNKNOWN}"
    yield f"Versions: {', '.join(versions) or UNKNOWN}"
    yield f"Checkpoint: `{sources.checkpoint}`"


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.4f}"
