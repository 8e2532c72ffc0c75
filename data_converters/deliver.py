"""Writes predictions in any format, checked before they are made and after they are written."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from data_converters.base import WriteOptions
from data_converters.coco_writer import NUMBERS
from data_converters.convert import refuse_bad, transfer
from data_converters.formats import find_format
from data_converters.places import check_nothing_written, check_target, check_write_options, same_place
from data_converters.report import Report
from data_converters.submission import (
    COMPETITIONS,
    check_names,
    check_submission,
    in_order,
    name_in,
    read_sample,
)
from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.utils.errors import UserError
from segloop.utils.staging import refuse_existing, staged


class Predicted(Protocol):
    """What a model found, as `segloop.experiments.predict.run` hands it over."""

    @property
    def images(self) -> Sequence[ImageRecord]:
        """All images of the run, those without a prediction, too."""
        ...

    @property
    def classes(self) -> LabelSet:
        """The model's classes."""
        ...

    @property
    def load(self) -> Any:
        """A frozen dataclass that makes a record of a key, in any process; `disjoint` is a field of it."""
        ...

    def entries(self, *, skipped: bool = False) -> Sequence[Any]:
        """Return what `load` takes; `skipped` adds the images that could not be read."""
        ...


RESULTS = ("coco", "cityscapes")  # have a form of their own for predicted objects


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where predictions go, in which format, by which sample submission, and by how many processes."""

    target: Path
    form: str
    options: WriteOptions = field(default_factory=WriteOptions)
    sample: Path | None = None
    force: bool = False
    as_labels: bool = False
    workers: int | None = None

    @classmethod
    def of(cls, args: argparse.Namespace, options: WriteOptions) -> Delivery | None:
        """Take the flags of `tools/predict.py`, and refuse what could not be written; None without --out."""
        if args.out is None:
            if args.sample_submission is not None:
                raise UserError("--sample-submission goes with --to airbus or sartorius, and --out.")
            check_nothing_written(options)
            return None
        delivery = cls(
            target=args.out,
            form=args.to_format,
            options=options,
            sample=args.sample_submission,
            force=args.force,
            as_labels=args.as_labels,
            workers=args.workers,
        )
        delivery.check()
        if args.overlays is not None and same_place(args.overlays, args.out):
            raise UserError(f"--overlays {args.overlays}: its pictures would lie among what --out writes.")
        return delivery

    @property
    def disjoint(self) -> bool:
        """Whether objects have to be brought to share no pixel before they are written."""
        return self.form == "airbus"  # the writer of sartorius does it itself

    @property
    def complete(self) -> bool:
        """Whether an image that could not be read has to be there all the same, with nothing in it."""
        return self.form in COMPETITIONS

    def check(self) -> None:
        """Refuse what could not be written, before anything is predicted."""
        maker = find_format(self.form)
        if not maker.writes:
            raise UserError(f"{maker.name} is not written: {maker.summary}.")
        check_target(self.target, maker)
        check_write_options(maker, self.options)
        if self.sample is not None and same_place(self.sample, self.target):
            raise UserError(f"The target {self.target} is the sample, which is only read. Name another.")
        if not self.force:
            refuse_existing(self.target)

    def chosen(self, images: Sequence[ImageRecord]) -> tuple[list[ImageRecord], list[str]]:
        """Return the images to predict in the order to write them, and what to tell of those left out."""
        if self.sample is None:
            if self.form in COMPETITIONS:
                check_names(images, form=self.form)
            return list(images), []
        names = read_sample(self.sample, form=self.form)
        found = in_order(images, names, form=self.form)
        rest = len(images) - len(found)
        return found, [f"{rest} image(s) are not in {self.sample} and are left out"] if rest else []

    def rehearse(self, labels: LabelSet, *, objects: bool) -> None:
        """Begin to write a set without images, elsewhere: what a writer refuses is told before any work.

        Which of its options are at odds depends on the model: of objects COCO holds results, not labels.
        """
        options = result_options(self.options, form=self.form, objects=objects, as_labels=self.as_labels)
        nothing = LabelledImages(labels=labels, keys=(), load=_nothing)
        writer = find_format(self.form).writer(nothing, options=options)
        with suppress(OSError), TemporaryDirectory() as folder:  # a disk is told of when it is written to
            writer.open(Path(folder) / self.target.name)
            with suppress(Exception):  # of no images it may say that there are none
                writer.close()

    def write(
        self,
        predicted: Predicted,
        *,
        objects: bool,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Write what was predicted and return the report; the target appears when it is whole, or not at all.

        `objects` says whether it was objects, and not index maps.
        """
        load = replace(predicted.load, disjoint=self.disjoint)
        keys = predicted.entries(skipped=self.complete)
        options = result_options(self.options, form=self.form, objects=objects, as_labels=self.as_labels)
        facts: dict[str, Any] = {}
        if options.results and self.target.suffix.lower() == ".json":
            # Nothing in there says which image a number is: it has to be that of the inputs.
            facts[NUMBERS] = {image.image_id: place for place, image in enumerate(predicted.images, 1)}
        images = LabelledImages(labels=predicted.classes, keys=keys, load=load, facts=facts)
        writer, source = find_format(self.form).writer(images, options=options), Path("predictions")
        report = Report(source=source, target=self.target, from_format="predicted", to_format=self.form)
        try:
            with staged(self.target, replace=self.force) as place:
                tally = transfer(
                    images,
                    writer,
                    place,
                    workers=self.workers,
                    refuse=lambda tally: refuse_bad(tally, source, self.target, skip_bad=True),
                    skip_bad=True,
                    progress=progress,
                )
                if self.form in COMPETITIONS:
                    self._check(place, images)
                told = tuple(getattr(writer, "told", ()))
                report = tally.report(report, keeps=writer.keeps, told=told)
        except OSError as error:
            raise UserError(
                f"{self.target} could not be written: {error}. Nothing was left there."
            ) from error
        return report.done()

    def _check(self, place: Path, images: LabelledImages) -> None:
        records = [replace(record, instances=(), semantic=None) for record in images]
        names = [name_in(self.form, record) for record in records]
        sizes = {name: record.size_hw for name, record in zip(names, records, strict=True)}
        check_submission(place, list(dict.fromkeys(names)), form=self.form, sizes=sizes)


def _nothing(key: Any) -> ImageRecord:
    raise AssertionError("a rehearsal has no images")


def result_options(options: WriteOptions, *, form: str, objects: bool, as_labels: bool) -> WriteOptions:
    """Return the options of a delivery: predicted objects in a format's form for them, no copies of images,
    and pixels that several objects claim to the surest.

    `as_labels` asks for the form of labels all the same, to correct or to train on.
    """
    wanted = options.results or (objects and form in RESULTS and not as_labels)
    takes = find_format(form).write_options
    media = options.media if options.media is not None or "media" not in takes else "none"
    overlap = "score" if objects and "overlap" in takes else options.overlap
    return replace(options, results=wanted, media=media, overlap=overlap)
