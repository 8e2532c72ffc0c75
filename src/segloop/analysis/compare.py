"""Compares RUNs in numbers: scores, differences with tests, who wins which image, costs, configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import numpy.typing as npt

from segloop.analysis import bootstrap, run_costs, significance
from segloop.analysis.analyze import plain
from segloop.analysis.comparable import images_to_compare, require_alike
from segloop.analysis.comparison_notes import notes, ungrouped, unlike_tests, with_tta
from segloop.analysis.config_differences import Difference, differences
from segloop.analysis.flat_config import read_flat_config
from segloop.analysis.instance_scores import rules_of
from segloop.analysis.ranking import order
from segloop.analysis.runs import Run
from segloop.analysis.score_sheet import IMAGE_RULE, Sheet, read_sheet
from segloop.analysis.scores import RULES as SCORE_RULES
from segloop.data.groups import by_words, groups_of
from segloop.utils.atomic import read_record
from segloop.utils.errors import FormatError, UserError, nearest

FloatArray = npt.NDArray[np.float64]

FORMAT = 1
MOST_RUNS = 26
# What of a test decides beside the model: how it was asked, and what of its config no training reads.
TESTED = (
    "--tta",
    "thresholds",
    "model",
    "test_dataloader",
    "test_evaluator",
    "test_cfg",
    "tta_model",
    "tta_pipeline",
)
SURE = 0.05
UNDRAWN = (
    "Only scores of resamples can: Cityscapes' AP and COCO's recalls, by size and of boxes are not drawn "
    "again, nor is AP where nothing or very much was found."
)
PREFERRED = {
    "semantic": ("mDice_fg", "mIoU_fg", "mDice", "mIoU"),
    "instance": ("coco/segm_mAP", "pq/PQ", "cells/mAP", "ships/F2", "spacecraft/mIoU", "match/recall"),
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """RUNs, called A, B and so on, their sheets, and all numbers as `compare.json` holds them."""

    runs: list[Run]
    letters: list[str]
    sheets: list[Sheet]
    data_root: Path | None
    numbers: dict[str, Any]


def compare(
    runs: Sequence[Run],
    *,
    common: bool = False,
    score: str | None = None,
    group: Mapping[str, Any] | None = None,
    repeats: int = bootstrap.REPEATS,
    seed: int = 0,
    topk: int = 4,
    data_root: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare RUNs on the same images. `score` is what decides; `topk` images of each side are named.

    `group` says which images hang together, as `segloop.data.groups` reads it.
    """
    if len(runs) > MOST_RUNS:
        raise UserError(f"{len(runs)} RUNs are more than can be told apart; compare {MOST_RUNS} at most.")
    require_alike(runs)
    ids = images_to_compare(runs, common=common)
    groups = groups_of(ids, group)
    sheets = []
    for done, run in enumerate(runs, start=1):
        sheets.append(read_sheet(run, ids, repeats=repeats, seed=seed, groups=groups))
        if progress is not None:
            progress(done, len(runs))
    letters = list(ascii_uppercase[: len(runs)])
    units = len(set(ids if groups is None else groups))
    decisive = _decisive(runs, sheets, score, units=units)
    pairs = _pairs(sheets, letters, decisive, seed=seed, topk=topk, groups=groups)
    curves = [run_costs.curves(run) for run in runs]
    costs = [run_costs.costs(run) for run in runs]
    numbers = {
        "format": FORMAT,
        "kind": runs[0].kind,
        "split": runs[0].meta["split"],
        "data": (runs[0].meta.get("data") or {}).get("name"),
        "images": len(ids),
        "groups": None if groups is None else units,
        "images_of_runs": [len(run.images) for run in runs],
        "class_names": runs[0].class_names,
        "score": decisive,
        "score_of_images": sheets[0].per_image_key,
        "runs": [
            {"letter": letter, "name": run.name, "folder": str(run.folder), "costs": cost}
            for letter, run, cost in zip(letters, runs, costs, strict=True)
        ],
        "scores": {key: [_with_interval(sheet, key) for sheet in sheets] for key in _shared(sheets)},
        "class_scores": class_keys(_shared(sheets), decisive),
        "pairs": pairs,
        "curves": [_told_curves(each, decisive) for each in curves],
        "time_to_score": _time_to_score(curves, decisive),
        "config": _config(runs),
        "tests": _tests(runs),
        "notes": [
            *notes(runs, len(ids), costs),
            *unlike_tests(runs, letters),
            *bootstrap.notes(len(ids), groups),
            *([] if group else ungrouped(runs)),
            *_too_few(sheets, letters, decisive, len(pairs)),
            *_too_few_for_classes(sheets, decisive, repeats, len(pairs)),
        ],
        "rules": _rules(runs[0].kind, _shared(sheets))
        | {"intervals": bootstrap.rule(repeats=repeats, seed=seed, groups=groups, by=by_words(group))}
        | significance.rules(grouped=groups is not None),
    }
    return Comparison(list(runs), letters, sheets, data_root, plain(numbers))


def _shared(sheets: Sequence[Sheet]) -> list[str]:
    """Return the scores that all have, in the order of the first."""
    return [key for key in sheets[0].scores if all(key in sheet.scores for sheet in sheets)]


def _decisive(runs: Sequence[Run], sheets: Sequence[Sheet], asked: str | None, *, units: int) -> str:
    """Return the score that decides: the one asked for, the one a checkpoint was kept by, or a usual one."""
    shared = _shared(sheets)
    keys = [key for key in shared if units < 2 or all(key in sheet.drawn for sheet in sheets)]
    if asked is not None and asked not in shared:
        raise UserError(f"--score {asked}: not all of these RUNs have it.{nearest(asked, keys)}")
    if asked is not None and asked not in keys:
        raise UserError(f"--score {asked} cannot decide. {UNDRAWN}{_choose(keys)}")
    if asked is not None:
        return asked
    try:
        kept_by = read_flat_config(runs[0].folder / "config.py")["default_hooks"]["checkpoint"]["save_best"]
    except (FormatError, KeyError, TypeError):
        kept_by = None
    for key in (kept_by, *PREFERRED[runs[0].kind], *keys):
        if key in keys:
            return str(key)
    told = "These RUNs have no score in common that could decide between them."
    raise UserError(f"{told} {UNDRAWN}" if shared else told)


def _choose(keys: Sequence[str], most: int = 8) -> str:
    return f" Choose: {', '.join(keys[:most])}{' …' if len(keys) > most else ''}." if keys else ""


def _with_interval(sheet: Sheet, key: str) -> list[float]:
    low, high = _bounds(sheet.drawn.get(key))
    return [sheet.scores[key], low, high]


def _bounds(drawn: FloatArray | None) -> tuple[float, float]:
    if drawn is None:
        return float("nan"), float("nan")
    low, high = bootstrap.interval(drawn[:, None])
    return float(low[0]), float(high[0])


def _pairs(
    sheets: Sequence[Sheet],
    letters: Sequence[str],
    decisive: str,
    *,
    seed: int,
    topk: int,
    groups: Sequence[str] | None,
) -> list[dict[str, Any]]:
    """Return each pair's differences, the second minus the first, with p values corrected over all pairs."""
    places = list(combinations(range(len(sheets)), 2))
    ids = sheets[0].image_ids
    gaps = [significance.pair_up(sheets[one].per_image, sheets[other].per_image) for one, other in places]
    flipped = significance.sign_flips(np.column_stack(gaps), seed=seed, groups=groups).tolist()
    ranked = [significance.wilcoxon(gap, groups=groups) for gap in gaps]
    told: list[dict[str, Any]] = []
    for (one, other), gap in zip(places, gaps, strict=True):
        known = gap[~np.isnan(gap)]
        wins = [int((known < 0).sum()), int((known > 0).sum())]
        told.append(
            {
                "pair": [letters[one], letters[other]],
                "differences": {key: _difference(sheets[one], sheets[other], key) for key in _shared(sheets)},
                "images": {
                    "compared": len(known),
                    "wins": wins,
                    "equal": len(known) - sum(wins),
                    "mean_difference": float(known.mean()) if len(known) else float("nan"),
                    "median_difference": float(np.median(known)) if len(known) else float("nan"),
                },
                "won": {
                    letters[one]: _won(-gap, ids, topk),
                    letters[other]: _won(gap, ids, topk),
                },
            }
        )
    tests = {"permutation": flipped, "wilcoxon": ranked}
    tests["bootstrap"] = [_told_p(each["differences"][decisive]) for each in told]
    for name, values in tests.items():
        for each, p, corrected in zip(told, values, significance.holm(values), strict=True):
            each.setdefault("tests", {})[name] = {"p": p, "holm": corrected}
    _correct_classes(told, decisive)
    for each in told:
        each["verdict"] = _verdict(each, decisive)
    return told


def _difference(one: Sheet, other: Sheet, key: str) -> dict[str, Any]:
    gap = other.scores[key] - one.scores[key]
    if key not in one.drawn or key not in other.drawn:
        return {"value": [gap, float("nan"), float("nan")], "p": None}
    drawn = other.drawn[key] - one.drawn[key]
    return {"value": [gap, *_bounds(drawn)], "p": float(significance.bootstrap_p(drawn))}


def _told_p(difference: dict[str, Any]) -> float:
    return float("nan") if difference["p"] is None else float(difference["p"])


def _correct_classes(told: list[dict[str, Any]], decisive: str) -> None:
    """Correct the p values of the classes over all classes and pairs: many are looked at."""
    keys = class_keys(told[0]["differences"], decisive)
    cells = [each["differences"][key] for each in told for key in keys]
    for cell, corrected in zip(cells, significance.holm([_told_p(cell) for cell in cells]), strict=True):
        cell["holm"] = corrected


def class_keys(keys: Any, decisive: str) -> list[str]:
    """Return the keys of single classes that belong to a score: `Dice.fish` to `mDice_fg`.

    >>> class_keys(["mDice_fg", "Dice.fish", "IoU.fish"], "mDice_fg")
    ['Dice.fish']
    """
    short = decisive.partition(" ")[0].removesuffix("_fg")
    stem = {"mDice": "Dice", "mIoU": "IoU", "spacecraft/mIoU": "spacecraft/IoU"}.get(short, short)
    found = [key for key in keys if key.startswith(f"{stem}.")]
    return found or [key for key in keys if key.startswith(("Dice.", "pq/PQ."))]


def _won(gap: FloatArray, ids: Sequence[str], topk: int) -> list[dict[str, Any]]:
    """Return the images that a model wins by most."""
    places = order(np.where(gap > 0, gap, np.nan), ids, descending=True)[:topk]
    return [{"image_id": ids[place], "by": float(gap[place])} for place in places.tolist()]


def _verdict(pair: dict[str, Any], decisive: str) -> dict[str, Any]:
    """Say who is better, if anybody can be said to be: by the score over the set, and by images."""
    value, images = pair["differences"][decisive]["value"][0], pair["images"]["mean_difference"]
    sure = {name: told["holm"] < SURE for name, told in pair["tests"].items()}  # NaN is never sure
    by_set = (1 if value > 0 else -1) if sure["bootstrap"] else 0
    by_images = (1 if images > 0 else -1) if sure["permutation"] else 0
    one, other = pair["pair"]
    name = {1: other, -1: one}
    if by_set * by_images < 0:
        text = (
            f"{name[by_set]} is better by {decisive}, {name[by_images]} by the mean of images: they disagree"
        )
        return {"better": None, "text": text}
    if by_set and by_images:
        return {"better": name[by_set], "text": f"{name[by_set]} is better"}
    if by_set or by_images:
        how = f"by {decisive}, not image by image" if by_set else f"image by image, not by {decisive}"
        return {"better": None, "text": f"{name[by_set or by_images]} is better {how}: leave it open"}
    return {"better": None, "text": "no difference can be shown"}


def _told_curves(curves: dict[str, run_costs.Curve], decisive: str) -> dict[str, run_costs.Curve]:
    wanted = {"loss": "loss", "val_loss": "val_loss", decisive.partition(" ")[0]: "score"}
    return {wanted[key]: curve for key, curve in curves.items() if key in wanted}


def _time_to_score(curves: Sequence[dict[str, run_costs.Curve]], decisive: str) -> list[dict[str, Any]]:
    key = decisive.partition(" ")[0]
    scored = [each.get(key, []) for each in curves]
    return [
        {"score": level / 100, "minutes": [run_costs.minutes_to(curve, level) for curve in scored]}
        for level in run_costs.score_levels([curve for curve in scored if curve])
    ]


def _config(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the hyper-parameters that differ; those of the training, where its config is there."""
    files = [_config_file(run) for run in runs]
    lost = [run.name for run, file in zip(runs, files, strict=True) if file is None]
    if lost:
        return {"missing": lost, "differences": []}
    found = differences([read_flat_config(file) for file in files if file is not None])
    return {
        "missing": [],
        "differences": _told(found),
    }


def _told(found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [{"path": each.path, "values": list(each.values)} for each in found]


def _tests(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return what differs in how the models were tested: views, thresholds, the test's own config."""
    asked: list[dict[str, Any]] = []
    for run in runs:
        thresholds = (run.meta.get("thresholds") or {}).get("classes")
        file = run.folder / "config.py"
        config = read_flat_config(file) if file.is_file() else {}
        asked.append({"--tta": with_tta(run), "thresholds": thresholds, **_of_test(config)})
    found = differences(asked, TESTED)
    return _told(
        [each for each in found if each.path != "test_evaluator.thresholds"]
    )  # a file; told by value


def _of_test(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of a config a test reads, and a training does not."""
    model = config.get("model")
    own = {"test_cfg": model["test_cfg"]} if isinstance(model, dict) and "test_cfg" in model else {}
    return {"model": own, **{name: config[name] for name in TESTED if name in config and name != "model"}}


def _config_file(run: Run) -> Path | None:
    """Return the config that was trained with; a test's own may have been changed since."""
    work_dir = run.training
    named = ((read_record(work_dir / "train.json") or {}).get("config") or {}).get("file")
    candidates = [work_dir / str(named)] if named else []
    candidates += [*sorted(work_dir.glob("*.py"))[:1], run.folder / "config.py"]
    return next((each for each in candidates if each.is_file()), None)


def _too_few(sheets: Sequence[Sheet], letters: Sequence[str], decisive: str, pairs: int) -> list[str]:
    """Say where so few resamples cannot show anything of so many pairs."""
    drawn = [sheet.drawn[decisive] for sheet in sheets if decisive in sheet.drawn]
    known = [int((~np.isnan(values)).sum()) for values in drawn]
    few = [place for place, number in enumerate(known) if 2 * pairs / (number + 1) >= SURE]
    if not few:
        return []
    told = f"too few to show a difference among {pairs} pairs"
    if 2 * pairs / (len(drawn[0]) + 1) >= SURE:
        return [f"{len(drawn[0]):,} resamples are {told}: --repeats {int(2 * pairs / SURE)} is the least."]
    return [
        f"{decisive} of {letters[place]} is known in {known[place]:,} of {len(drawn[place]):,} resamples, "
        f"{told}: compare fewer RUNs at once, or by another --score."
        for place in few
    ]


def _too_few_for_classes(sheets: Sequence[Sheet], decisive: str, repeats: int, pairs: int) -> list[str]:
    """Say where so few resamples cannot show a difference of any class, whose p are corrected for all."""
    classes = [
        key for key in class_keys(_shared(sheets), decisive) if all(key in each.drawn for each in sheets)
    ]
    cells = len(classes) * pairs
    if 2 * cells / (repeats + 1) < SURE:
        return []
    what = f"a difference of a single class among {len(classes)} classes"
    of_pairs = f" of {pairs} pairs" if pairs > 1 else ""
    least = int(2 * cells / SURE)
    return [f"{repeats:,} resamples are too few to show {what}{of_pairs}: --repeats {least} is the least."]


def _rules(kind: str, keys: Sequence[str]) -> dict[str, str]:
    own = SCORE_RULES if kind == "semantic" else rules_of(keys)
    return {
        **own,
        "image": IMAGE_RULE[kind] if kind == "instance" else f"{SCORE_RULES['image']} {IMAGE_RULE[kind]}",
        **run_costs.RULES,
        "config": "Hyper-parameters are those of the config that was trained with, where it lies beside it.",
    }
