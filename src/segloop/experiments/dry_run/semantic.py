"""The rows of a dry run about images and index masks: sizes, classes, and which class has how many pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segloop.data.checks import Legal, Pair, Seen, describe, look_at_pairs
from segloop.data.index_masks import MaskFacts, reduced
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE, Row, table
from segloop.utils.progress import counted

IGNORED = "ignored"


def file_row(split: str, seen: Seen) -> Row:
    """Return how many images were looked at, and how large they are."""
    sizes = Counter(facts.size_hw for facts in seen.images.values())
    small, large = (choose(sizes, key=lambda hw: hw[0] * hw[1], default=(0, 0)) for choose in (min, max))
    shown = _wide(large) if len(sizes) < 2 else f"{_wide(small)} to {_wide(large)}"
    count = len(seen.images)
    return Row(GOOD, "data", f"{split}: {count} images of {shown} and their masks, each looked at")


def look_at_loaded(dataset: Any) -> Seen | None:
    """Look at each image and mask of an mmseg data set that the run itself does not check."""
    if not all(hasattr(dataset, name) for name in ("get_data_info", "reduce_zero_label", "ignore_index")):
        return None
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    pairs: list[Pair] = [
        (Path(info["img_path"]), Path(info["seg_map_path"])) for info in infos if info.get("seg_map_path")
    ]
    if not pairs or any("://" in str(path) for path in pairs[0]):
        return None
    root = Path(getattr(dataset, "data_root", None) or "")
    known = getattr(dataset, "label_map", None) or dataset.metainfo.get("classes") or ()
    legal = Legal(
        num_classes=len(known),
        ignore_index=dataset.ignore_index,
        reduce_zero_label=dataset.reduce_zero_label,
    )
    with counted("files checked") as progress:
        kept = bool(getattr(dataset, "data_root", None))
        return look_at_pairs(root, pairs, legal=legal, cache=kept, progress=progress)


def finding_rows(split: str, seen: Seen) -> Iterator[Row]:
    """Yield what is wrong with files, by kind."""
    if seen.findings:
        first, *rest = describe(seen.findings).splitlines()
        yield Row(BAD, "data", f"{split}: {first}", tuple(line for line in rest if line))


def class_rows(metainfos: Mapping[str, Mapping[str, Any]], heads: Sequence[tuple[str, int]]) -> Iterator[Row]:
    """Yield whether heads, splits, names and colours agree on the classes."""
    lists = {split: list(info.get("classes") or ()) for split, info in metainfos.items()}
    first, names = next(iter(lists.items()))
    for split, others in lists.items():
        if others != names:
            text = f"{first} and {split} differ: {', '.join(map(str, names))}; {', '.join(map(str, others))}"
            yield Row(BAD, "classes", text)
    twice = [str(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        yield Row(BAD, "classes", f"named twice: {', '.join(twice)}")
    agree = [place for place, count in heads if count == len(names)]
    where = f", as many as {' and '.join(agree)} predict{'s' * (len(agree) == 1)}" if agree else ""
    yield Row(GOOD, "classes", f"{len(names)}{where}: {', '.join(map(str, names))}")
    yield from palette_rows(names, metainfos[first].get("palette"))


def palette_rows(names: Sequence[str], palette: Any) -> Iterator[Row]:
    """Yield what is wrong with the colours of the classes."""
    if not palette or not isinstance(palette, list | tuple):  # mmseg draws colours then
        return
    colours = [tuple(colour) if isinstance(colour, list | tuple) else colour for colour in palette]
    if len(colours) != len(names):
        yield Row(BAD, "palette", f"{len(colours)} colours for {len(names)} classes")
        return
    odd = [
        f"{name} {colour}"
        for name, colour in zip(names, colours, strict=True)
        if not (isinstance(colour, tuple) and len(colour) == 3 and all(_is_level(each) for each in colour))
    ]
    if odd:
        yield Row(BAD, "palette", f"not three whole numbers in 0..255: {', '.join(odd)}")
        return
    same = [
        f"{' and '.join(str(n) for n, c in zip(names, colours, strict=True) if c == colour)} {colour}"
        for colour, count in Counter(colours).items()
        if count > 1
    ]
    if same:
        yield Row(NOTE, "palette", f"one colour for several classes: {'; '.join(same)}")


def pixel_rows(split: str, masks: Sequence[MaskFacts], dataset: Any) -> Iterator[Row]:
    """Yield the share of each class in the pixels, as loaded; and what each value in the files becomes."""
    raw: Counter[int] = Counter()
    for facts in masks:
        raw.update(facts.values)
    if not raw:
        return
    names = [str(name) for name in dataset.metainfo.get("classes") or ()]
    meaning = {value: _loaded(value, dataset, names) for value in raw}
    loaded: Counter[str] = Counter()
    for value, count in raw.items():
        loaded[meaning[value]] += count
    total = sum(raw.values())
    shares = [f"{name} {_percent(loaded[name], total)}" for name in names if loaded[name]]
    if loaded[IGNORED]:
        shares.append(f"{IGNORED} {_percent(loaded[IGNORED], total)}")
    changed = dataset.reduce_zero_label or dataset.label_map
    cells = [(str(value), f"→ {meaning[value]}", _percent(raw[value], total)) for value in sorted(raw)]
    yield Row(GOOD, "pixels", f"{split}: {', '.join(shares)}", table(cells) if changed else ())
    absent = [name for name in names if not loaded[name]]
    if absent:
        yield Row(NOTE, "pixels", f"{split}: not a single pixel of {', '.join(absent)}")


def _loaded(value: int, dataset: Any, names: Sequence[str]) -> str:
    """Return what a value of a mask file is called once it is loaded."""
    if dataset.reduce_zero_label:
        value = reduced(value)
    value = (dataset.label_map or {}).get(value, value)
    if value == dataset.ignore_index or not 0 <= value < len(names):
        return IGNORED
    return names[value]


def _percent(count: int, total: int) -> str:
    share = 100 * count / total
    return f"{share:.1f} %" if share >= 0.05 else f"{share:.2g} %"


def _is_level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _wide(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"
