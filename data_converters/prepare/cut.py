"""Decides which split an image goes into: the author's where there is one, else one from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_converters.prepare.base import CLIPS, NEAR_DUPLICATES, Found, Group, Progress, Seen
from data_converters.prepare.series import asked_of, clips_of
from data_converters.prepare.survey import Survey
from segloop.data import splits
from segloop.data.groups import groups_of
from segloop.utils.errors import DataError, UserError, listing, nearest

TRAIN, VAL = "train", "val"
CUT_LESS = "Name fewer, such as --shares train=80 val=20."
IMAGES = ": images"  # ends the column of images that show a label
DRAW_MORE = "Draw more, with --count."
MOST_COLUMNS = 30  # rows of the table of shares that are shown


@dataclass(frozen=True)
class Cutting:
    """What was decided: the split of each image that was cut, by its place, and what to say of it."""

    splits: Mapping[int, str]
    told: tuple[str, ...]
    summary: str  # for dataset.json


def parts_to_survey(found: Found) -> list[int]:
    """Return the parts whose images have to be looked at before it is known where they go."""
    own = {part.split for part in found.parts} - {None}
    again = _cut_again(own)
    return [number for number, part in enumerate(found.parts) if part.split is None or part.split in again]


def _cut_again(own: set[str | None]) -> set[str | None]:
    """Return the author's splits that have to be cut: a train split from which a val split must come.

    What is called train alone is the whole set under another name.
    """
    return {TRAIN} if TRAIN in own and VAL not in own else set()


def cut(
    found: Found,
    survey: Survey,
    *,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
    remedy: str = CUT_LESS,
) -> Cutting:
    """Cut what has no split of its own; groups stay together, labels are spread evenly.

    `remedy` is what to tell where there are too few images.
    """
    own = Counter({part.split: 1 for part in found.parts if part.split})
    own.update(look.split for look in survey.looks if look.split)
    again = _cut_again(set(own))
    loose = survey.of(lambda look: look.split is None or look.split in again)
    kept = [name for name in own if name not in again]
    words = f"the author's own: {', '.join(kept)}" if kept else ""
    if not len(loose):
        told = () if "test" in own else ("There is no test split: test with --split val.",)
        return Cutting({}, told, words)
    shares = _shares(found.shares, kept, again)
    ids = [look.image_id for look in loose.looks]
    _check_ids(ids)
    left = [name for name in found.shares if name not in shares and not again]
    stay = (f"{', '.join(left)} of the author's: as they are, no image was added.",) if left else ()
    if len(shares) == 1:
        (only,) = shares
        told = (f"{len(ids)} image(s) of no split are in {only}.", *stay)
        return Cutting(dict.fromkeys(loose.places, only), told, f"{words}; the others are in {only}")
    groups = group(found.groups, loose.seen(), workers=workers, progress=progress)
    columns = loose.columns()
    if (count := len(set(groups or ids))) < len(shares):
        what = f"{count} image" if groups is None else f"{count} group"
        what = what + "s" * (count != 1) + " of images" * (groups is not None)
        by_name = CLIPS in found.groups and clips_of(ids) is not None
        more = " Names tell which are of one video or patient; --group-by none takes them one by one."
        raise DataError(f"{what} cannot be cut into {', '.join(shares)}. {remedy}{more if by_name else ''}")
    made = splits.split(ids, shares, columns=columns, groups=groups, seed=seed)
    part_of = made.part_of()
    by = _grouped_by(found, ids) if groups else ""
    shown = _told(made, grouped_by=by, again=bool(again and kept))
    return Cutting(
        {place: part_of[image_id] for place, image_id in zip(loose.places, ids, strict=True)},
        (*shown, *stay, *(_of_clips(ids) if CLIPS in found.groups else ())),
        _summary(words, shares, seed, by, again=bool(again and kept)),
    )


def group_rules(text: str) -> tuple[Group, ...]:
    """Return the rules that the user names: `none`, `folder`, a table of groups (.csv), or a regex."""
    if text == "none":
        return (NEAR_DUPLICATES,)
    if text == "folder":
        return ({"folder": 1}, NEAR_DUPLICATES)
    if text.lower().endswith((".csv", ".tsv")):
        return ({"table": Path(text).absolute()}, NEAR_DUPLICATES)
    return ({"regex": text}, NEAR_DUPLICATES)


def group(
    rules: Sequence[Group],
    seen: Sequence[Seen],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[str] | None:
    """Return the group of each image: what any of the rules puts together is together. None without rules."""
    if not rules:
        return None
    ids = [each.image_id for each in seen]
    union = _Union(len(seen))
    for rule in rules:
        first: dict[str, int] = {}
        for place, name in enumerate(_by_rule(rule, seen, ids, workers=workers, progress=progress)):
            union.join(first.setdefault(name, place), place)
    return [ids[union.root(place)] for place in range(len(seen))]


def _by_rule(
    rule: Group,
    seen: Sequence[Seen],
    ids: Sequence[str],
    *,
    workers: int | None,
    progress: Progress | None,
) -> Sequence[str]:
    if isinstance(rule, Mapping):
        return groups_of(ids, rule) or list(ids)
    if rule == CLIPS:
        return clips_of(ids) or list(ids)
    if rule == NEAR_DUPLICATES:
        return near_duplicates(seen, workers=workers, progress=progress)
    if isinstance(rule, str):
        raise UserError(f"There is no way {rule!r} to group images.{nearest(rule, [NEAR_DUPLICATES, CLIPS])}")
    return rule(seen, workers=workers, progress=progress)


def near_duplicates(
    seen: Sequence[Seen], *, workers: int | None = None, progress: Progress | None = None
) -> list[str]:
    """Return groups of images that look alike; those without a file are alone."""
    from segloop.data.similar import groups_of_similar, hashes

    groups = [each.image_id for each in seen]
    having = [place for place, each in enumerate(seen) if each.file is not None]
    files = [each.file for each in seen if each.file is not None]
    names = [groups[place] for place in having]
    looks = hashes(files, workers=workers, progress=progress)
    for place, name in zip(having, groups_of_similar(names, looks), strict=True):
        groups[place] = name
    return groups


class _Union:
    """Sets that grow together; the root of each is its first member."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._above[high] = low


def _shares(shares: Mapping[str, float], kept: Sequence[str], again: set[str | None]) -> dict[str, float]:
    """Return the shares of what is cut: train and the splits that the author has not.

    Where val is cut from the author's train split, these two.
    """
    if not (again and kept):
        return {name: share for name, share in shares.items() if name == TRAIN or name not in kept}
    missing = [name for name in (TRAIN, VAL) if name not in shares]
    if missing:
        raise UserError(
            f"The shares name no {missing[0]}, which has to be cut from the author's train split."
        )
    return {name: shares[name] for name in (TRAIN, VAL)}


def _grouped_by(found: Found, ids: Sequence[str]) -> str:
    """Return what the images of a group share, in words."""
    if CLIPS in found.groups and clips_of(ids) is not None:
        return f"video, patient or {found.grouped_by}"
    return found.grouped_by


def _of_clips(ids: Sequence[str]) -> Iterator[str]:
    """Say which images were kept together by their names, or ask whether some should be."""
    sizes = Counter(clips_of(ids) or ids)
    clips = [clip for clip, count in sizes.items() if count > 1]
    if clips:
        yield (
            f"Names tell {len(clips)} video(s), patient(s) or the like, such as {clips[0]}: the images of "
            "each are in one split. --group-by none takes the images one by one."
        )
    if len(clips) < len(sizes) and (question := asked_of(ids)):
        yield question


def _check_ids(ids: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(ids).items() if count > 1)
    if twice:
        raise DataError(
            f"{len(twice)} image(s) are there more than once under one name, and would come into one split:\n"
            f"{listing(twice)}"
        )


def _told(made: splits.Cut, *, grouped_by: str, again: bool) -> list[str]:
    table = made.table().splitlines()
    rest = [f"… and {len(table) - MOST_COLUMNS} more"] if len(table) > MOST_COLUMNS else []
    what = "The author's train split was cut into train and val" if again else "Cut into splits"
    how = f", the images of one {grouped_by} together" if grouped_by else ""
    shown = "\n".join([f"{what}{how}:", *(f"  {line}" for line in (*table[:MOST_COLUMNS], *rest))])
    return [shown, *_unseen(made)]


def _unseen(made: splits.Cut) -> Iterator[str]:
    """Say which splits have no image that shows a label: the images or groups were too few."""
    for part in made.parts:
        names = [
            column.removesuffix(IMAGES)
            for column, shares in made.shares.items()
            if column.endswith(IMAGES) and column != f"empty{IMAGES}" and not shares[part]
        ]
        if names:
            yield (
                f"No image of {part} shows {', '.join(names)}: too few have it to give each split some. "
                "--shares or another --seed cuts otherwise."
            )


def _summary(own: str, shares: Mapping[str, float], seed: int, grouped_by: str, *, again: bool) -> str:
    total = sum(shares.values())
    parts = " ".join(f"{name}={share / total:.4g}" for name, share in shares.items())
    how = f"cut by tools/prepare.py: {parts}, seed {seed}, even in labels"
    how += f", grouped by {grouped_by}" if grouped_by else ""
    if again:
        return f"{own}; train and val {how}"
    return f"{own}; the others {how}" if own else how
