"""Says whether RUNs may be compared, on which images, and if not, why, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segloop.analysis.runs import Run, common_images, read_run
from segloop.analysis.score_sheet import true_objects
from segloop.utils.errors import DataError, UserError, listing, together

KINDS = ("semantic", "instance")
SAMPLES = 5  # images that are named of each kind of difference


def open_runs(targets: Sequence[Path | str], *, split: str | None = None) -> list[Run]:
    """Open the RUNs that are meant; what is wrong with several is told together."""
    runs: list[Run] = []
    errors: list[UserError] = []
    for target in targets:
        try:
            runs.append(read_run(target, split=split))
        except UserError as error:
            errors.append(error)
    if errors:
        raise together(errors)
    folders = [run.folder.resolve() for run in runs]
    twice = sorted({str(folder) for folder in folders if folders.count(folder) > 1})
    if twice:
        raise UserError(f"The same RUN is given more than once:\n{listing(twice)}")
    if len(runs) < 2:
        raise UserError("It takes two RUNs or more to compare.")
    return runs


def require_alike(runs: Sequence[Run]) -> None:
    """Refuse RUNs of different kinds, splits or classes: one message tells every difference."""
    told = [
        *_unlike(runs, "kind", lambda run: run.kind, "Their scores are not the same kind of number."),
        *_unlike(
            runs, "split", lambda run: run.meta["split"], "Test all on one split, and say which with --split."
        ),
        *_unlike(
            runs,
            "classes",
            lambda run: ", ".join(run.class_names),
            "Means over other classes are other scores.",
        ),
        *_unlike(runs, "background class", _background, "The foreground is not the same."),
        *_unlike(
            runs, "ignore index", lambda run: run.meta.get("ignore_index"), "Not the same pixels are counted."
        ),
    ]
    other = [run.name for run in runs if run.kind not in KINDS]
    if other:
        told.append(f"No scores by image are known of:\n{listing(other)}")
    if told:
        raise UserError("These RUNs cannot be compared.\n\n" + "\n\n".join(told))


def images_to_compare(runs: Sequence[Run], *, common: bool) -> list[str]:
    """Return the ids of the images to compare on, in order; refuse what differs unless `common`."""
    labels = _labels(runs)
    shared = [
        image_id
        for image_id in common_images(runs)
        if len({table[image_id] for table in labels}) == 1 and labels[0][image_id]
    ]
    told = _different_images(runs, labels)
    if not shared:
        why = "\n\n".join(told) or "None of their images has labels."
        raise DataError(f"There is no image that these RUNs have in common, with the same labels.\n\n{why}")
    if common:
        return shared
    if told:
        raise DataError(
            "These RUNs were not tested on the same images.\n\n" + "\n\n".join(told) + f"\n\n"
            f"--common compares them on the {len(shared):,} images that are the same in all."
        )
    hashes = [_data(run).get("content_hash") for run in runs]
    if len({each for each in hashes if each}) > 1:
        lines = [f"{run.name}: {str(each)[:23]}" for run, each in zip(runs, hashes, strict=True) if each]
        raise DataError(
            f"The data set has changed between these tests (its content hash):\n{listing(lines)}\n"
            "The tested images are the same: --common compares on them, whatever else has changed."
        )
    return shared


def _labels(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return what tells the labels of each image apart, by run; empty where it has none."""
    tables = [
        {
            image_id: str(digest or truth)
            for image_id, truth, digest in zip(
                *(run.images[name] for name in ("image_id", "truth", "truth_sha256")), strict=True
            )
        }
        for run in runs
    ]
    if runs[0].kind == "semantic" or all(table == tables[0] for table in tables):
        return tables
    # objects of all images share one file: what it says of each image lies in the matches
    return [
        {image_id: objects.get(image_id, "") for image_id in table}
        for table, objects in zip(tables, map(true_objects, runs), strict=True)
    ]


def _different_images(runs: Sequence[Run], labels: Sequence[dict[str, str]]) -> list[str]:
    """Say what of the images is not the same, naming some of them."""
    told = []
    tables = [dict(zip(run.images["image_id"], run.images["sha256"], strict=True)) for run in runs]
    everywhere = set.intersection(*map(set, tables))
    for run, table in zip(runs, tables, strict=True):
        missing = sorted(set().union(*tables) - set(table))
        if missing:
            told.append(f"{run.name} lacks {_images(missing)}")
    changed = sorted(each for each in everywhere if len({table[each] for table in tables}) > 1)
    if changed:
        told.append(f"Other pictures of the same name: {_images(changed)}")
    relabelled = sorted(each for each in everywhere if len({table[each] for table in labels}) > 1)
    if relabelled:
        told.append(f"Other labels: {_images(relabelled)}")
    return told


def _images(ids: Sequence[str]) -> str:
    return f"{len(ids):,} image{'s' if len(ids) > 1 else ''}:\n{listing(ids, most=SAMPLES)}"


def _unlike(runs: Sequence[Run], what: str, value: Any, why: str) -> list[str]:
    values = [value(run) for run in runs]
    if len({str(each) for each in values}) == 1:
        return []
    lines = [f"{run.name}: {each}" for run, each in zip(runs, values, strict=True)]
    return [f"Not the same {what}. {why}\n{listing(lines)}"]


def _background(run: Run) -> str:
    place = run.background
    return "none" if place is None or place >= len(run.class_names) else run.class_names[place]


def _data(run: Run) -> dict[str, Any]:
    return run.meta.get("data") or {}
