"""CVAT for images 1.1, read and written, and for video 1.1, read: masks exact, what is not drawn carried."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.cvat_images import Export, Place, ReadImage
from data_converters.cvat_index import Index, index_file
from data_converters.cvat_meta import Meta, read_meta, subset_of
from data_converters.cvat_names import Named, posix_name, tell_apart
from data_converters.cvat_source import Source, open_source
from data_converters.cvat_tracks import Frames, ReadFrame, plan_frames, with_track_attributes
from data_converters.cvat_writer import writer
from segloop.data.annotations import Label, LabelledImages, LabelSet, image_id_of
from segloop.data.layout import only_listed
from segloop.utils.errors import FormatError, UserError, listing

__all__ = ["read", "writer"]
MOST_LABELS = 1 << 16  # as many as index masks have values


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open an XML, a folder with one, or a zip, of a task, a job or a project.

    The file is read once, to find its images and to see that it is whole; `load` reads one image at a time.
    Each shape is an object, and what shares a group keeps it; polygons that our own writer wrote as the parts
    of one object are put together again, and with `options.join_groups` all shapes of a label and a group.
    """
    opened = open_source(source, options.images)
    index = index_file(opened.xml)
    meta = Meta() if index.meta is None else read_meta(index.meta)
    told = list(meta.told)
    if index.images and index.tracks:
        index.problems.append("it holds both <image> and <track> elements; CVAT's exports hold one kind")
    _refuse(source, index.problems + meta.problems)
    if not meta.labels:
        meta.labels = [Label(name) for name in index.labels]
        meta.kinds = {name: {} for name in index.labels}
        if index.labels:
            told.append("The file declares no labels; those of its shapes were taken, in their order.")
    if len(meta.labels) > MOST_LABELS:
        _refuse(source, [f"it has {len(meta.labels)} labels; at most {MOST_LABELS} are read"])
    for name, count in sorted(index.unknown.items()):
        told.append(f"{count} element(s) <{name}> beside the images are not known and were left out.")
    if index.tracks:
        return _video(source, opened, index, meta, options, told)
    places = _settle(source, index.images, opened, meta, options, told)
    return LabelledImages(
        labels=LabelSet(tuple(meta.labels)),
        keys=[
            each._replace(start=image.start, stop=image.stop, line=image.line)
            for image, each in zip(index.images, places, strict=True)
            if each is not None
        ],
        load=ReadImage(_export(opened, index, meta, options, places)),
        facts=meta.facts,
        told=tuple(told),
    )


def _video(
    source: Path, opened: Source, index: Index, meta: Meta, options: ReadOptions, told: list[str]
) -> LabelledImages:
    """Turn tracks into objects on frames; a frame that nothing is drawn on is an image too."""
    plan = plan_frames(index, meta, has_image=lambda name, subset: bool(opened.images.find(name, subset)))
    _refuse(source, plan.problems)
    with_track_attributes(meta, tracks=len(index.tracks))
    places = _settle(source, plan.named, opened, meta, options, told)
    keys = Frames(plan, places)
    told += plan.told()
    return LabelledImages(
        labels=LabelSet(tuple(meta.labels)),
        keys=keys,
        load=ReadFrame(_export(opened, index, meta, options, places)),
        facts=meta.facts,
        told=tuple(told),
    )


def _refuse(source: Path, problems: Sequence[str]) -> None:
    if problems:
        raise FormatError(f"{len(problems)} problem(s)\n{listing(problems)}", file=source)


def _settle(
    source: Path,
    named: Sequence[Named],
    opened: Source,
    meta: Meta,
    options: ReadOptions,
    told: list[str],
) -> list[Place | None]:
    """Return each image's id, name, split and file; None for one of a split that was not asked for."""
    names, remarks, problems = tell_apart(named)
    _refuse(source, problems)
    told += remarks
    splits = [subset_of(each.subset) or meta.subset for each in named]
    known = sorted({split for split in splits if split is not None})
    if options.split and not known:
        splits = [options.split] * len(named)
    elif options.split and options.split not in known:
        raise UserError(f"{source} has no subset {options.split!r}; it has {', '.join(known)}.")
    wanted = [options.split in (None, split) for split in splits]
    if options.list_file is not None:
        listed = only_listed(options.list_file, map(image_id_of, names))
        wanted = [keep and image_id_of(name) in listed for keep, name in zip(wanted, names, strict=True)]
    places: list[Place | None] = []
    missing = []
    for image, name, split, keep in zip(named, names, splits, wanted, strict=True):
        if not keep:
            places.append(None)
            continue
        path = opened.images.find(posix_name(image.name), image.subset)
        file = None if path is None else opened.images.by_name[path]
        if path is None:
            missing.append(image.name)
        elif image_id_of(name) == name:  # CVAT leaves out the suffix of a video's frames
            name += Path(path).suffix
        places.append(Place(0, 0, image.line, image_id_of(name), name, split, file))
    if missing and len(missing) == sum(wanted) and opened.images.by_name and options.images is None:
        told.append(f"None of the images is in {opened.images.root}; the first is {missing[0]}.")
    return places


def _export(
    opened: Source, index: Index, meta: Meta, options: ReadOptions, places: Sequence[Place | None]
) -> Export:
    """Return what all images share. An image without a file is a problem where others have theirs."""
    with_files = options.images is not None or any(each and each.file for each in places)
    return Export(
        xml=opened.owner or opened.xml,
        encoding=index.encoding,
        kinds=meta.kinds,
        size_hw=options.size_hw,
        shelf=opened.shelf,
        images=opened.images.root if with_files else None,
        join_groups=options.join_groups,
    )
