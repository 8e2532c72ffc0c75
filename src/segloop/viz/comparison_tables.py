"""The tables of a comparison, from the numbers of `compare.json`: scores, pairs, classes, costs, configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segloop.viz.tables import Table

Numbers = Mapping[str, Any]
NONE = "–"
MOST_CLASSES = 20


def tables(numbers: Numbers) -> list[Table]:
    """Return all tables that have something to tell, in the order of a reader's questions."""
    found = [
        runs(numbers),
        scores(numbers),
        pairs(numbers),
        classes(numbers),
        costs(numbers),
        times(numbers),
        config(numbers),
        tests(numbers),
    ]
    return [each for each in found if each.rows]


def runs(numbers: Numbers) -> Table:
    """Return which letter stands for which RUN."""
    rows = [[each["letter"], each["name"], each["folder"]] for each in numbers["runs"]]
    return Table("RUNs", ["", "run", "folder"], rows)


def scores(numbers: Numbers) -> Table:
    """Return the scores over classes with their intervals, the one that decides first."""
    keys = [key for key in numbers["scores"] if not _of_class(numbers, key)]
    keys.sort(key=lambda key: key != numbers["score"])
    rows = [
        [key, *(interval(each) for each in numbers["scores"][key])] for key in keys if _known(numbers, key)
    ]
    drawn = "groups of images" if numbers.get("groups") else "images"
    return _table("Scores", numbers, "score, %", rows, f"In brackets: 95 % of resamples of the {drawn}.")


def pairs(numbers: Numbers) -> Table:
    """Return the difference of each pair, what the tests say, and who is better."""
    rows = []
    for each in numbers["pairs"]:
        one, other = each["pair"]
        images, tests = each["images"], each["tests"]
        rows.append(
            [
                f"{other} − {one}",
                each["verdict"]["text"],
                interval(each["differences"][numbers["score"]]["value"], signed=True),
                percent(images["mean_difference"], signed=True),
                f"{images['wins'][0]} : {images['wins'][1]}",
                *(p_value(tests[name]["holm"]) for name in ("bootstrap", "permutation", "wilcoxon")),
            ]
        )
    name = numbers["score"]
    head = ["pair", "", name, "per image", "images won", "bootstrap", "permutation", "Wilcoxon"]
    note = (
        "Differences in points of percent. Bootstrap is of the score over the set; permutation and Wilcoxon "
        f"are of {numbers['score_of_images']} image by image. p values are corrected for the number of pairs."
    )
    return Table("Pairs", head, rows, numbers=[2, 3, 4, 5, 6, 7], note=note)


def classes(numbers: Numbers) -> Table:
    """Return the scores of classes; of many, those whose spread over the RUNs is widest."""
    keys = [key for key in numbers["class_scores"] if _known(numbers, key)]
    spread = {key: _spread(numbers["scores"][key]) for key in keys}
    shown = sorted(keys, key=lambda key: -spread[key])[:MOST_CLASSES]
    rows = [
        [
            key,
            *(interval(each) for each in numbers["scores"][key]),
            _surest(numbers, key),
        ]
        for key in shown
    ]
    more = f" The {len(shown)} of {len(keys)} that differ most." if len(keys) > len(shown) else ""
    note = f"Surest pair: the least p of the bootstrap, corrected for all classes and pairs.{more}"
    told = _table("Classes", numbers, "score, %", rows, note)
    head = [*told.head, "surest pair"]
    return Table(told.title, head, rows, numbers=range(1, len(head)), note=note)


def costs(numbers: Numbers) -> Table:
    """Return what each model costs; what no RUN records is said once."""
    columns = [each["costs"] for each in numbers["runs"]]
    facts: list[tuple[str, list[str]]] = [
        ("parameters", [count(each["parameters"]) for each in columns]),
        ("trained parameters", [count(each["trainable"]) for each in columns]),
        ("model in memory", [size(each["model_bytes"]) for each in columns]),
        ("checkpoint on disk", [size(each["checkpoint_bytes"]) for each in columns]),
        ("exported model on disk", [size(each["exported_bytes"]) for each in columns]),
        ("FLOPs", [_flops(each) for each in columns]),
        ("peak memory, training", [size(each["train_memory"]["process_bytes"]) for each in columns]),
        ("peak GPU memory, training", [size(each["train_memory"]["gpu_bytes"]) for each in columns]),
        ("peak memory, test", [size(each["test_memory"]["process_bytes"]) for each in columns]),
        ("peak GPU memory, test", [size(each["test_memory"]["gpu_bytes"]) for each in columns]),
        ("training time", [duration(each["train_s"]) for each in columns]),
        ("validation time", [duration(each["val_s"]) for each in columns]),
        ("iterations x batch", [_iterations(each) for each in columns]),
        ("training images", [count(each["train_images"]) for each in columns]),
        ("seed", [NONE if each["seed"] is None else str(each["seed"]) for each in columns]),
        ("trained on", [each["train_hardware"] or NONE for each in columns]),
        ("inference, this test", [timing(each["inference"]["this"]) for each in columns]),
        ("inference, batch 1", [timing(each["inference"]["one"]) for each in columns]),
        ("inference, best batch", [timing(each["inference"]["best"]) for each in columns]),
    ]
    rows = [[name, *values] for name, values in facts if set(values) != {NONE}]
    missing = [name for name, values in facts if set(values) == {NONE}]
    note = "Inference: median (95th percentile) of the time an image takes."
    if missing:
        note += f" Not recorded: {'; '.join(missing)}."
    if any(name.startswith("inference, b") for name in missing):
        note += " More batch sizes come from more tests of the checkpoint (test_dataloader.batch_size)."
    return _table("Costs", numbers, "", rows, note)


def times(numbers: Numbers) -> Table:
    """Return how long each training took to reach scores of validation."""
    rows = [
        [percent(each["score"]), *(NONE if value is None else f"{value:.1f}" for value in each["minutes"])]
        for each in numbers["time_to_score"]
    ]
    name = numbers["score"].partition(" ")[0]
    return _table(
        "Minutes to a score",
        numbers,
        f"{name} of val, %",
        rows,
        "Minutes of training, validations not counted.",
    )


def config(numbers: Numbers) -> Table:
    """Return the hyper-parameters that differ."""
    rows = [[each["path"], *each["values"]] for each in numbers["config"]["differences"]]
    head = ["hyper-parameter", *(each["letter"] for each in numbers["runs"])]
    return Table("What differs in the configs", head, rows)


def tests(numbers: Numbers) -> Table:
    """Return what differs in how the models were tested."""
    rows = [[each["path"], *each["values"]] for each in numbers["tests"]]
    head = ["test", *(each["letter"] for each in numbers["runs"])]
    return Table("What differs in the tests", head, rows)


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a fraction as percent.

    >>> percent(0.5), percent(0.0123, signed=True), percent(None)
    ('50.0', '+1.2', '–')
    """
    return NONE if value is None else f"{100 * value:{'+' if signed else ''}.1f}"


def interval(triple: Sequence[float | None], *, signed: bool = False) -> str:
    """Return a value with its interval, in percent.

    >>> interval([0.5, 0.4, 0.6]), interval([0.5, None, None])
    ('50.0 [40.0, 60.0]', '50.0')
    """
    value, low, high = triple
    told = percent(value, signed=signed)
    if value is None or low is None or high is None:
        return told
    return f"{told} [{percent(low, signed=signed)}, {percent(high, signed=signed)}]"


def p_value(value: float | None) -> str:
    """Return a p value as it is written.

    >>> p_value(0.04), p_value(0.0001), p_value(None)
    ('.040', '< .001', '–')
    """
    if value is None:
        return NONE
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def size(value: int | None) -> str:
    """Return bytes in the unit that fits.

    >>> size(7_259_392), size(None)
    ('7.3 MB', '–')
    """
    if value is None:
        return NONE
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} B"


def count(value: float | None) -> str:
    """Return a whole number with commas."""
    return NONE if value is None else f"{int(value):,}"


def duration(seconds: float | None) -> str:
    """Return seconds as people say them.

    >>> duration(447.2), duration(30), duration(8000)
    ('7.5 min', '30 s', '2.2 h')
    """
    if seconds is None:
        return NONE
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def timing(record: Mapping[str, Any] | None) -> str:
    """Return the times of an image: median, 95th percentile, batch.

    >>> timing({"median": 0.55, "p95": 1.134, "batch_size": 8})
    '550 (1,134) ms, batch 8'
    """
    if record is None:
        return NONE
    p95 = "" if record["p95"] is None else f" ({_milliseconds(record['p95'])})"
    return f"{_milliseconds(record['median'])}{p95} ms, batch {record['batch_size']}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def _flops(cost: Mapping[str, Any]) -> str:
    if cost["flops"] is None:
        return NONE
    shape = "x".join(map(str, cost["input_chw"] or ()))
    flops = cost["flops"] / 1e9
    return f"{flops:,.0f} G at {shape}" if flops >= 100 else f"{flops:.3g} G at {shape}"


def _iterations(cost: Mapping[str, Any]) -> str:
    if cost["iterations"] is None:
        return NONE
    return f"{cost['iterations']:,} x {cost['batch_size'] or '?'}"


def _table(title: str, numbers: Numbers, first: str, rows: Sequence[Sequence[str]], note: str) -> Table:
    letters = [each["letter"] for each in numbers["runs"]]
    return Table(title, [first, *letters], rows, numbers=range(1, len(letters) + 1), note=note)


def _of_class(numbers: Numbers, key: str) -> bool:
    return any(key.endswith(f".{name}") for name in numbers["class_names"])


def _known(numbers: Numbers, key: str) -> bool:
    return any(each[0] is not None for each in numbers["scores"][key])


def _spread(triples: Sequence[Sequence[float | None]]) -> float:
    values = [each[0] for each in triples if each[0] is not None]
    return max(values) - min(values)


def _surest(numbers: Numbers, key: str) -> str:
    """Return the pair that differs most surely in a class."""
    known = [
        (each["differences"][key].get("holm"), each)
        for each in numbers["pairs"]
        if each["differences"][key].get("holm") is not None
    ]
    if not known:
        return NONE
    p, pair = min(known, key=lambda each: each[0])
    one, other = pair["pair"]
    gap = pair["differences"][key]["value"][0]
    sign = "=" if not gap else ">" if gap > 0 else "<"
    return f"{other} {sign} {one}, p {p_value(p)}"
