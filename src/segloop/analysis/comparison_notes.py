"""What a reader must know before he believes the numbers of a comparison."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from segloop.analysis.flat_config import read_flat_config
from segloop.analysis.runs import Run


def notes(runs: Sequence[Run], images: int, costs: Sequence[dict[str, Any]]) -> list[str]:
    """Say what a reader must know before he believes a number."""
    found = []
    split = runs[0].meta["split"]
    if split == "train":
        found.append("The models were trained on these images: the one that learnt them by heart wins.")
    if split == "val":
        found.append(
            "Checkpoints and thresholds are chosen on the val split: to decide, compare on images that "
            "nothing was chosen on."
        )
    for run in runs:
        if len(run.images) != images:
            found.append(f"{images:,} of the {len(run.images):,} images of {run.name} are compared.")
    most = [max(run.max_dets) for run in runs if any(key.startswith("coco/") for key in run.scores)]
    if len(set(most)) > 1:
        numbers = ", ".join(f"{number:,}" for number in most)
        found.append(f"COCO's AP looks at {numbers} found objects of a class in an image: not one rule.")
    hashes = {(run.meta.get("data") or {}).get("content_hash") for run in runs} - {None}
    if len(hashes) > 1:
        found.append("The data set has changed between these tests; the compared images have not.")
    for key, what in (("train_hardware", "training times"), ("test_hardware", "inference times")):
        told = {each[key] for each in costs} - {None}
        if len(told) > 1:
            found.append(f"Different machines: {what} cannot be compared ({'; '.join(sorted(told))}).")
    under = {each["inference"]["this"]["under"] for each in costs if each["inference"]["this"]}
    if len(under) > 1:
        found.append(f"Inference was timed under different conditions: {'; '.join(sorted(under))}.")
    return found


def ungrouped(runs: Sequence[Run]) -> list[str]:
    """Say that a training kept images together which the intervals take for independent."""
    for run in runs:
        file = run.folder / "config.py"
        kfold = read_flat_config(file).get("kfold") if file.is_file() else None
        group = kfold.get("group") if isinstance(kfold, dict) else None
        if isinstance(group, dict):
            words = " ".join(shlex.quote(f"{key}={value}") for key, value in group.items())
            return [
                f"The folds of {run.name} keep images that hang together in one, and the intervals here take "
                f"each for itself: --group {words}"
            ]
    return []


def unlike_tests(runs: Sequence[Run], letters: Sequence[str]) -> list[str]:
    """Say that not the models alone differ, but how they were asked."""
    many = [letter for letter, run in zip(letters, runs, strict=True) if with_tta(run)]
    one = [letter for letter in letters if letter not in many]
    if not many or not one:
        return []
    return [
        f"{', '.join(many)} was tested with --tta, {', '.join(one)} without: a part of the difference may be "
        "the views', not the models'."
    ]


def with_tta(run: Run) -> bool:
    """Return whether a test averaged views."""
    return any(word.split("=")[0] == "--tta" for word in run.meta.get("command") or ())
