"""Turns one format into another, image by image, and says what did not come along."""

from __future__ import annotations

import contextlib
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data_converters.base import (
    FEATURES,
    BadRecord,
    ReadOptions,
    Rendered,
    WriteOptions,
    Writer,
)
from data_converters.features import Held, count_declared, count_held
from data_converters.formats import find_format
from data_converters.places import check_images_apart, check_links, check_options, check_places
from data_converters.report import Report, Tally, told_of_all
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.data.drawing import with_outlines
from segloop.utils.errors import DataError, UserError, listing
from segloop.utils.staging import refuse_existing, staged
from segloop.utils.workers import cpu_count, map_ordered

PATIENCE_S = 2.0  # of work in this process before others are started, which takes about a second
MOST_TOLD = 100  # problems in one message
MOST_AT_ONCE = 16  # images that a process holds at a time
MOST_PIXELS = 1 << 22  # of index maps that a process holds at a time
MOST_IN_CHUNK = 64  # images that are sent to a process at a time
Made = TypeVar("Made")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Bad:
    """An image that cannot be used, and all that is wrong with it."""

    image_id: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """What is done with one image, in any process: read it, count what it holds, and render it."""

    load: Callable[[Any], Any]
    labels: LabelSet
    writer: Writer
    wanted: frozenset[str]
    draw: bool = False

    def __call__(self, keys: Sequence[Any]) -> list[tuple[Held, Rendered] | Bad]:
        """Return for each image what it holds and how the target will hold it, or what is wrong with it.

        Several are read before the first is counted and rendered: small images take a third less time where
        the same code runs for many of them in a row. Of large index maps one is held at a time.
        """
        results: list[tuple[Held, Rendered] | Bad] = []
        records: list[ImageRecord | Bad] = []
        pixels = 0
        for key in keys:
            record = _told(self._read, key)
            records.append(record)
            semantic = None if isinstance(record, Bad) else record.semantic
            pixels += 0 if semantic is None else semantic.size
            if pixels > MOST_PIXELS:
                results += self._finish(records)
                records, pixels = [], 0
        return results + self._finish(records)

    def _finish(self, records: Sequence[ImageRecord | Bad]) -> list[tuple[Held, Rendered] | Bad]:
        held = [_told(self._count, each, each) for each in records]
        rendered = [
            _told(self.writer.render, each, before) for each, before in zip(records, held, strict=True)
        ]
        results: list[tuple[Held, Rendered] | Bad] = []
        for before, after in zip(held, rendered, strict=True):
            if isinstance(before, Bad):
                results.append(before)
            elif isinstance(after, Bad):
                results.append(after)
            else:
                results.append((before, after))
        return results

    def _read(self, key: Any) -> ImageRecord:
        record = self.load(key)
        return with_outlines(record) if self.draw else record

    def _count(self, record: ImageRecord) -> Held:
        return count_held(record, self.labels, wanted=self.wanted)


def _told(step: Callable[[Any], Made], subject: Any, before: Any = None) -> Made | Bad:
    """Take a step with an image; if it cannot be taken, or an earlier one could not, return why."""
    if isinstance(before, Bad):
        return before
    try:
        return step(subject)
    except BadRecord as error:
        return Bad(error.image_id or "", error.problems)
    except UserError as error:
        image_id = getattr(subject, "image_id", None) or getattr(error, "image_id", None)
        return Bad(image_id or "", (str(error),))


def convert(
    source: Path,
    target: Path,
    *,
    from_format: str,
    to_format: str,
    read_options: ReadOptions | None = None,
    write_options: WriteOptions | None = None,
    workers: int | None = None,
    strict: bool = False,
    skip_bad: bool = False,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Convert `source` to `target`, and return what came along and what did not.

    The target appears when it is whole, or not at all: not if an image is bad (all of them are told in one
    error; `skip_bad` leaves them out), and with `strict` not if anything is lost. `workers` processes make
    the same bytes as one; None takes as many as there are cores if the work lasts. `force` exchanges a target
    that is there; the source is only read.
    """
    read_options, write_options = read_options or ReadOptions(), write_options or WriteOptions()
    reader, maker = find_format(from_format), find_format(to_format)
    check_places(source, target, reader=reader, maker=maker, options=read_options)
    check_options(reader, maker, read_options, write_options)
    if reader.packs_images:
        check_links(source, read_options.images, media=write_options.media)
    if not force:
        refuse_existing(target)  # before minutes of work; and once more at the end
    images = reader.read(source, options=read_options)
    if not len(images):
        raise DataError(f"{source} holds no image; nothing was written.")
    if target.is_dir():  # which `force` replaces
        check_images_apart(target, images)
    writer = maker.writer(images, options=write_options)
    report = Report(source=source, target=target, from_format=from_format, to_format=to_format)
    try:
        with staged(target, replace=force) as place:
            tally = transfer(
                images,
                writer,
                place,
                draw=write_options.draw,
                workers=workers,
                refuse=lambda tally: refuse_bad(tally, source, target, skip_bad=skip_bad),
                skip_bad=skip_bad,
                progress=progress,
            )
            told = (*images.told, *getattr(writer, "told", ()))
            report = tally.report(report, keeps=writer.keeps, told=told)
            if strict and report.losses:
                raise _StrictLoss
    except _StrictLoss:
        return report
    except OSError as error:  # a full disk, a folder that nobody may write to
        raise UserError(f"{target} could not be written: {error}. Nothing was left there.") from error
    return report.done()


class _StrictLoss(Exception):
    """Ends a strict conversion; what was staged goes away with it."""


def transfer(
    images: LabelledImages,
    writer: Writer,
    place: Path,
    *,
    draw: bool = False,
    workers: int | None = None,
    refuse: Callable[[Tally], None],
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Tally:
    """Write images down at a place in their order, and count what comes along; `refuse` may end it then."""
    wanted = frozenset(FEATURES) - writer.keeps
    # The copy that renders never sees an open file, whether it works here or in another process.
    job = Job(images.load, images.labels, pickle.loads(pickle.dumps(writer)), wanted, draw)
    tally, total = Tally(), len(images)
    try:
        writer.open(place)
        for number, result in enumerate(results_of(job, images.keys, workers=workers), start=1):
            if isinstance(result, Bad):
                tally.add_bad(result.image_id or f"image {number}", result.problems)
            else:
                _add(*result, writer, tally, skip_bad=skip_bad)
            if progress is not None:
                progress(number, total)
        refuse(tally)
        writer.close()
    except Exception:
        with contextlib.suppress(Exception):
            writer.close()  # files that it has open; what it made goes away
        raise
    used = frozenset(tally.labels)
    tally.add_losses(count_declared(images.labels, wanted=wanted, used=used, facts=images.facts))
    return tally


def _add(held: Held, rendered: Rendered, writer: Writer, tally: Tally, *, skip_bad: bool) -> None:
    """Write an image down and count it; once one is bad and none may be, nothing more is written."""
    try:
        if skip_bad or not tally.bad:
            writer.add(rendered)
        tally.add(held, rendered)
    except BadRecord as error:  # beside another image, it turns out
        tally.add_bad(rendered.image_id, error.problems)


def results_of(
    job: Callable[[Sequence[Any]], Sequence[Result]], keys: Sequence[Any], *, workers: int | None
) -> Iterator[Result]:
    """Apply a job, which takes some keys at a time, in their order.

    Where nobody said how many processes, begin in this one.
    """
    size = max(1, min(MOST_IN_CHUNK, len(keys) // (8 * (workers or cpu_count()))))
    begin, started = 0, time.monotonic()
    while workers is None and begin < len(keys):
        batch = keys[begin : begin + min(begin + 1, MOST_AT_ONCE)]  # large ones are soon shared
        yield from job(batch)
        begin += len(batch)
        spent = time.monotonic() - started
        if spent > PATIENCE_S and spent / begin * (len(keys) - begin) > PATIENCE_S:
            break
    few = min(size, MOST_AT_ONCE)
    rest = (keys[place : place + few] for place in range(begin, len(keys), few))
    for results in map_ordered(job, rest, workers=workers, chunk=size // few):
        yield from results


def refuse_bad(tally: Tally, source: Path, target: Path, *, skip_bad: bool) -> None:
    """Refuse a set with bad images, all of them told together; or one with no other images."""
    if not tally.bad or (skip_bad and tally.images):
        return
    count = f"{len(tally.bad)} of {tally.images + len(tally.bad)} images"
    advice = "" if skip_bad or not tally.images else " --skip-bad leaves these images out."
    raise DataError(
        f"{source}: {count} cannot be used, so nothing was written to {target}.{advice}\n"
        f"{listing(told_of_all(tally.bad), most=MOST_TOLD)}"
    )
