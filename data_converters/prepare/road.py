"""The road from a download to a set that is trained on: find, read, cut, write; whole or not at all."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from data_converters.base import BadRecord
from data_converters.convert import refuse_bad, transfer
from data_converters.formats import FORMATS
from data_converters.places import check_links, check_places, in_archive
from data_converters.prepare.base import SPLITS, Found, Progress
from data_converters.prepare.cut import CUT_LESS, DRAW_MORE, Cutting, cut, group_rules, parts_to_survey
from data_converters.prepare.depths import told_of_depth
from data_converters.prepare.joined import Keys, TellOfShapes, join
from data_converters.prepare.record import Wish, find_prepared
from data_converters.prepare.survey import Survey, survey
from data_converters.prepare.targets import make_writer
from data_converters.report import Report, Tally
from segloop.data.annotations import LabelledImages
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.errors import DataError, UserError, nearest
from segloop.utils.staging import staged

Watch = Callable[[str], AbstractContextManager[Progress | None]]
WAYS = {
    "copy": "Images are copied.",
    "hardlink": "Images are hard links: they take no room, stay when the download is removed, and are the "
    "same files as there. --media copy makes files of their own.",
    "link": "Images are symbolic links: they are gone when the download is removed or moved.",
}
OTHER_DISK = "Images are copied, for hard links to the download are not possible from there."
MOST_TRIED = 20  # images, to see whether their files can be linked
MOST_LOOKED_AT = 10  # images, to see whether they have more than 8 bits


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A prepared set and how it came about: how it was cut, and the report, None for one that was there."""

    root: Path
    info: DatasetInfo
    report: Report | None = None
    cut: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 1 where images were left out."""
        return 0 if self.report is None else self.report.exit_code

    def __str__(self) -> str:
        """Return what there is now, in a line."""
        splits = sorted(self.info.splits.items(), key=lambda each: (*SPLITS, each[0]).index(each[0]))
        counts = ", ".join(f"{count:,} {split}" for split, count in splits)
        text = f"{counts}; classes {', '.join(self.info.class_names)}; {self.info.content_hash}"
        if self.report is None:
            return f"{self.root} is there already, made by the same command: {text}\n--force makes it anew."
        return f"{self.root}: {text}"


def unwatched(unit: str) -> AbstractContextManager[Progress | None]:
    """Show no progress."""
    return nullcontext()


def prepare(
    wish: Wish,
    target: Path,
    *,
    media: str | None = None,
    workers: int | None = None,
    skip_bad: bool = False,
    force: bool = False,
    watch: Watch = unwatched,
) -> Outcome:
    """Make a set to train on from a download, or from one that is drawn first.

    `media` is `copy`, `hardlink`, `link` (a symbolic one), or None: hard links where they are possible, else
    copies. The target appears when it is whole, or not at all. One that the same wish made before is left as
    it is; one of another wish is refused, or with `force` exchanged.
    """
    if media is not None and media not in WAYS:
        raise UserError(f"--media is {', '.join(WAYS)}, not {media!r}.{nearest(media, WAYS)}")
    there = find_prepared(target, wish, force=force)
    if there is not None:
        return Outcome(root=target, info=there)
    found = None if wish.source is None else _find(wish, wish.source, target)
    try:
        with staged(target, replace=force) as place:
            if found is None:
                download = place.with_name("download")
                _draw(wish, download, workers=workers, watch=watch)
                found = wish.task.find(download, options=wish.options)
                media = None  # the download is about to go
            report, cut = _take(
                found, wish, place, target, media=media, workers=workers, skip_bad=skip_bad, watch=watch
            )
    except OSError as error:  # a full disk, a folder that nobody may write to
        raise UserError(f"{target} could not be written: {error}. Nothing was left there.") from error
    return Outcome(root=target, info=DatasetInfo.read(target), report=report.done(), cut=cut)


def _find(wish: Wish, source: Path, target: Path) -> Found:
    """Look the download over, and refuse a target that lies in it or holds it."""
    extra = {} if wish.from_format is None else {"from_format": wish.from_format}
    found = wish.task.find(source, options=wish.options, **extra)
    maker = FORMATS[wish.task.target.partition("+")[0]]
    for part in found.parts:
        check_places(part.source, target, reader=FORMATS[part.format], maker=maker, options=part.options)
    check_places(found.root, target, reader=FORMATS[found.parts[0].format], maker=maker, options=wish.options)
    return found


def _draw(wish: Wish, download: Path, *, workers: int | None, watch: Watch) -> None:
    """Draw the download of a demo set."""
    assert wish.drawing is not None
    generator = wish.task.generator()
    with watch("scenes") as progress:
        generator.draw_native(
            download,
            seed=wish.seed,
            counts=wish.drawing.counts or generator.COUNTS,
            size=generator.SIZE if wish.drawing.size is None else wish.drawing.size,
            workers=workers,
            progress=progress,
        )


def _take(
    found: Found,
    wish: Wish,
    place: Path,
    target: Path,
    *,
    media: str | None,
    workers: int | None,
    skip_bad: bool,
    watch: Watch,
) -> tuple[Report, tuple[str, ...]]:
    """Read what was found, cut it, and write it at a place that becomes the target."""
    source = wish.source or Path(wish.task.demo)
    found = found if wish.shares is None else replace(found, shares=wish.shares)
    if wish.group_by is not None:
        by = found.grouped_by if wish.group_by == "none" else f"group or {found.grouped_by}"
        found = replace(found, groups=group_rules(wish.group_by), grouped_by=by)
    with watch("label files read") as progress:
        images = join(found, only=wish.only, opened=wish.opened, progress=progress)
    if not len(images):
        raise DataError(f"{source} holds no image; nothing was written.")
    with watch("images looked at") as progress:
        parts = parts_to_survey(found)
        seen = survey(images, parts, workers=workers, progress=progress)
    assert isinstance(images.keys, Keys)
    try:
        with watch("images compared") as progress:
            cutting = _cut(found, seen, wish, workers=workers, progress=progress)
    except UserError:  # images that cannot be used may be what it lacks
        bad = _unusable(images, {place for part in parts for place in images.keys.places(part)}, seen)
        refuse_bad(bad, source, target, skip_bad=skip_bad)
        raise
    keys = images.keys.with_splits(cutting.splits, seen.records())
    images = replace(images, keys=keys, facts=_facts(images, wish))
    for part in found.parts:
        check_links(part.source, part.options.images, media=media)
    packed = [part.source for part in found.parts if in_archive(part.source, part.options.images)]
    way, told = _choose_way(media, images, place)
    if packed:
        told = f"Images are unpacked from {packed[0]}."
    writer = make_writer(wish.task.target, images, options=replace(found.options, media=way))
    if "opaque" in writer.keeps:
        images = replace(images, load=TellOfShapes(images.load, masks_only=wish.task.any_format))
    with watch("images") as progress:
        tally = transfer(
            images,
            writer,
            place,
            workers=workers,
            refuse=lambda tally: refuse_bad(tally, source, target, skip_bad=skip_bad),
            skip_bad=skip_bad,
            progress=progress,
        )
    _describe(place, wish, cut=cutting.summary)
    report = Report(
        source=source,
        target=target,
        from_format=", ".join(dict.fromkeys(part.format for part in found.parts)),
        to_format=wish.task.target,
    )
    notes = (*images.told, *getattr(writer, "told", ()))
    if wish.task.any_format:
        notes = (*notes, *_unused(images, tally.drawn), *told_of_depth(_some_files(images, MOST_LOOKED_AT)))
    if wish.drawing is None:
        notes = (*_nested(found, wish), *found.notes, *notes, told)
    else:  # nobody has seen the folder that was drawn
        notes = tuple(note.replace(f"{found.root}/", "") for note in notes)
    return tally.report(report, keeps=writer.keeps, told=notes), cutting.told


def _cut(
    found: Found, seen: Survey, wish: Wish, *, workers: int | None, progress: Progress | None
) -> Cutting:
    """Cut what has no split of its own; a wish to cut where nothing is to be cut is refused."""
    remedy = CUT_LESS if wish.drawing is None else DRAW_MORE
    cutting = cut(found, seen, seed=wish.seed, workers=workers, progress=progress, remedy=remedy)
    for flag, asked in (("--shares", wish.shares), ("--group-by", wish.group_by)):
        if asked is not None and not cutting.splits:
            raise UserError(f"The splits are {cutting.summary}; there is nothing to cut. Leave out {flag}.")
    return cutting


def _unusable(images: LabelledImages, surveyed: set[int], seen: Survey) -> Tally:
    """Return what is wrong with the images that were surveyed and cannot be used."""
    tally = Tally()
    tally.images = len(seen)
    for place in sorted(surveyed - set(seen.places)):
        try:
            images.load(images.keys[place])
        except UserError as error:
            image_id = getattr(error, "image_id", None) or f"image {place + 1}"
            tally.add_bad(image_id, getattr(error, "problems", (str(error),)))
    return tally


def _unused(images: LabelledImages, used: Collection[str]) -> list[str]:
    """Say which classes nothing is drawn of, and how to go on without them."""
    names = [label.name for label in images.labels.foreground]
    unused = [name for name in names if name not in used]
    if not unused or len(unused) == len(names):
        return []
    kept = " ".join(shlex.quote(name) for name in names if name in used)
    them = "it" if len(unused) == 1 else "them"
    return [
        f"Nothing is drawn of {', '.join(unused)}, a class all the same; --only {kept} leaves {them} out."
    ]


def _nested(found: Found, wish: Wish) -> list[str]:
    if wish.source is None or wish.source.resolve() == found.root.resolve():
        return []
    return [f"The download lies in {found.root}."]


def _facts(images: LabelledImages, wish: Wish) -> dict[str, object]:
    facts = {**images.facts, "task": wish.task.name, "licence": wish.licence or images.facts.get("licence")}
    if wish.drawing is not None:
        facts["source"] = "drawn by SegLoop"
    return {"name": wish.task.name, **facts}


def _describe(place: Path, wish: Wish, *, cut: str) -> None:
    """Complete dataset.json, and note how the set was prepared."""
    if not (place / FILE_NAME).is_file():
        raise DataError("The download has no class to train on; nothing was written.")
    info = DatasetInfo.read(place)
    drawn = wish.generator()
    replace(info, cut=cut or None, generator=drawn, seed=wish.seed if drawn else None).write(place)
    wish.note(place)


def _choose_way(media: str | None, images: LabelledImages, place: Path) -> tuple[str, str]:
    """Return how images are brought along, and how to say so; some are tried where nobody chose."""
    if media is not None:
        return media, WAYS[media]
    files = _some_files(images, MOST_TRIED)
    trial = place.with_name("trial")
    try:
        for file in files:  # a folder of some may be a link to another disk
            os.link(file.resolve(), trial)
            trial.unlink()
    except OSError:  # another disk, or a system that has no hard links or forbids them
        return "copy", OTHER_DISK
    way = "hardlink" if files else "copy"
    return way, WAYS[way]


def _some_files(images: LabelledImages, most: int) -> list[Path]:
    """Return some image files, from all over the set."""
    found: list[Path] = []
    for place in range(0, len(images), max(1, math.ceil(len(images) / most))):
        try:
            record = images.load(images.keys[place])
        except (BadRecord, UserError):
            continue
        if record.file is not None:
            found.append(record.file)
    return found
