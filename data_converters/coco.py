"""COCO instances: a file, or a folder of splits, and lists of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from data_converters.base import ReadOptions, WriteOptions, Writer, require_split
from data_converters.coco_files import NO_SPLIT, CocoFile, find_files, find_images, image_name
from data_converters.coco_index import CocoIndex, CocoKeys, Key, index_coco, index_results
from data_converters.coco_labels import join_labels, read_categories, read_skeletons, unread_keys
from data_converters.coco_records import LoadImage, Source, own_split
from data_converters.coco_writer import CocoWriter
from data_converters.json_stream import decoded
from segloop.data.annotations import Label, LabelledImages, LabelSet, image_id_of
from segloop.data.info import DatasetInfo, is_described
from segloop.data.layout import only_listed
from segloop.utils.errors import DataError, FormatError, UserError, listing

MOST_LOOKED_FOR = 30  # images of a file that tell which folder is theirs
MOST_KEYS_TOLD = 12


def read(source: Path, *, options: ReadOptions) -> LabelledImages:
    """Open a COCO file or folder.

    Results, a list, need the file that has their images and categories: `options.images` names it, or it lies
    beside them, or below `annotations/`. A folder is read by its `dataset.json`, its `annotations/`, or the
    .json files in it and one folder below.
    """
    return open_files(source, find_files(source, options), options=options)


def writer(labels: LabelSet, *, facts: Mapping[str, Any], options: WriteOptions) -> Writer:
    """Return what writes a folder of splits, or one file; see `CocoWriter`."""
    return CocoWriter(labels, facts=facts, options=options)


def open_files(
    source: Path,
    files: Sequence[CocoFile],
    *,
    options: ReadOptions,
    from_cvat: bool = False,
    shared: Any = None,
) -> LabelledImages:
    """Read through COCO files and return their set; `shared` is kept for as long as the set is."""
    indices = _indices(files)
    labels: list[Mapping[Any, Label]] = []
    faults: list[str] = []
    for each, index in zip(files, indices, strict=True):
        told = _faults(index)
        labels.append(read_categories(index.top.get("categories", []), told))
        faults += [f"{each.shown}: {fault}" for fault in told] if len(files) > 1 else told
    if faults:
        place = files[0].shown if len(files) == 1 else source
        raise FormatError(f"{len(faults)} problem(s)\n{listing(faults)}", file=place)
    sources = tuple(
        Source(
            file=index.file,
            images_file=index.images_file,
            names={ident: label.name for ident, label in names.items()},
            images=find_images(each, _some_names(index)),
            split=each.split,
            shown=each.shown.name,
        )
        for each, index, names in zip(files, indices, labels, strict=True)
    )
    keys: Sequence[Key] = CocoKeys(indices)
    facts = _facts(source, files, indices)
    if options.list_file is not None:
        keys = _listed(indices, keys, options.list_file)
        if "splits" in facts:
            facts["splits"] = Counter(files[key.source].split or NO_SPLIT for key in keys)
    if options.split is not None and source.is_file():
        picked = _of_split(source, indices[0], keys, options.split)
        if picked is not keys:
            keys, facts["splits"] = picked, {options.split: len(picked)}
    return LabelledImages(
        labels=join_labels(labels, [index.top.get("info") for index in indices]),
        keys=keys,
        load=LoadImage(
            sources=sources,
            size_hw=options.size_hw,
            results=any(each.truth for each in files),
            from_cvat=from_cvat,
            keep_crowds=options.keep_crowds or not from_cvat,
            shared=shared,
        ),
        facts=facts,
        told=tuple(_told(files, indices, sources, from_cvat=from_cvat, options=options)),
    )


def _indices(files: Sequence[CocoFile]) -> list[CocoIndex]:
    """Read through all files; what keeps any from being read is told together."""
    found, errors = [], []
    for each in files:
        try:
            if each.truth is not None:
                found.append(index_results(each.file, each.truth))
            else:
                found.append(index_coco(each.file, shown=each.shown))
        except UserError as error:
            errors.append(error)
    if len(errors) > 1:
        raise DataError(f"{len(errors)} files cannot be read:\n{listing([str(error) for error in errors])}")
    if errors:
        raise errors[0]
    return found


def _faults(index: CocoIndex) -> list[str]:
    """Return what is wrong with a file as a whole."""
    faults = list(index.faults)
    if "images" not in index.top:
        faults.append("the key 'images' is missing: this is no COCO file")
    if "categories" not in index.top and (len(index.spans) or index.orphans):
        faults.append("the key 'categories' is missing: what its annotations are called is not known")
    if index.seen["annotations:segments_info"]:
        faults.append("it holds panoptic segments, which lie in PNG files, and no instances")
    return faults


def _some_names(index: CocoIndex) -> list[str]:
    """Return the file names of some images, evenly from all of them."""
    names = []
    with index.images_file.open("rb") as opened:
        step = max(1, len(index.images) // MOST_LOOKED_FOR)
        for start, stop in index.images[::step].tolist():
            if name := _name_at(opened, start, stop):
                names.append(name)
    return names


def _image_at(opened: IO[bytes], start: int, stop: int) -> Mapping[str, Any]:
    """Return the image that these bytes describe; nothing where they cannot be read."""
    opened.seek(start)
    try:
        value = decoded(opened.read(stop - start))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _name_at(opened: IO[bytes], start: int, stop: int) -> str:
    """Return the file name of the image that these bytes describe; empty where it has none."""
    name, fault = image_name(_image_at(opened, start, stop).get("file_name"))
    return "" if fault else name


def _of_split(source: Path, index: CocoIndex, keys: Sequence[Key], wanted: str) -> Sequence[Key]:
    """Return the images of a split where a single file tells the split of each; else that is what all get."""
    splits: dict[str, list[tuple[int, int]]] = {}
    with index.images_file.open("rb") as opened:
        for start, stop in index.images.tolist():
            if split := own_split(_image_at(opened, start, stop)):
                splits.setdefault(split, []).append((start, stop))
    if not splits:
        return keys
    require_split(source, wanted, sorted(splits))
    chosen = set(splits[wanted])
    return tuple(key for key in keys if (key.start, key.stop) in chosen)


def _listed(indices: Sequence[CocoIndex], keys: Sequence[Key], file: Path) -> tuple[Key, ...]:
    """Return the keys of the images that a LIST file names."""
    ids: list[str | None] = []
    for index in indices:
        with index.images_file.open("rb") as opened:
            ids += [image_id_of(_name_at(opened, *span)) or None for span in index.images.tolist()]
        ids += [None] * bool(index.orphans)
    wanted = only_listed(file, (image_id for image_id in ids if image_id))
    return tuple(key for key, image_id in zip(keys, ids, strict=True) if image_id in wanted)


def _facts(source: Path, files: Sequence[CocoFile], indices: Sequence[CocoIndex]) -> dict[str, Any]:
    """Return what the files say of the set; a licence only if it is one for all."""
    facts: dict[str, Any] = {}
    info = indices[0].top.get("info")
    if isinstance(info, dict):
        for ours, theirs in (("name", "description"), ("source", "url")):
            if isinstance(info.get(theirs), str) and info[theirs]:
                facts[ours] = info[theirs]
    facts.update(read_skeletons(info))
    if len(names := _licences(indices)) == 1 and (name := names.pop()):
        facts["licence"] = name
    if is_described(source):
        described = DatasetInfo.read(source)
        known = ((key, getattr(described, key)) for key in ("name", "task", "source", "licence"))
        facts.update({key: value for key, value in known if value})
    if any(each.split for each in files):
        pairs = zip(files, indices, strict=True)
        facts["splits"] = {each.split or NO_SPLIT: len(index.images) for each, index in pairs}
    return facts


def _licences(indices: Sequence[CocoIndex]) -> set[str]:
    """Return the names of all licences; one without a name has an empty one."""
    found = [each for index in indices for each in index.top.get("licenses", [])]
    return {str(each.get("name", "")) if isinstance(each, dict) else "" for each in found}


def _told(
    files: Sequence[CocoFile],
    indices: Sequence[CocoIndex],
    sources: Sequence[Source],
    *,
    from_cvat: bool,
    options: ReadOptions,
) -> Iterator[str]:
    """Yield what a user should know of a reading that went well."""
    seen: Counter[str] = sum((index.seen for index in indices), Counter())
    for each, source in zip(files, sources, strict=True):
        if each.passed_over:
            others = ", ".join(other.name for other in each.passed_over)
            yield f"{each.shown.name} is read, and of its split not {others}"
        if each.truth:
            yield f"{each.shown.name}: images and categories are those of {each.truth}"
        if source.images is None and each.zipped is not None:
            yield f"{each.shown}: the archive holds labels only, no image files"
        elif source.images is None:
            looked = ", ".join(dict.fromkeys(str(folder) for folder in each.image_folders))
            yield f"{each.shown.name}: no image files (looked in {looked}); --images FOLDER names theirs"
    yield from _told_of_crowds(seen, sum(len(index.spans) for index in indices), from_cvat, options)
    zero = [each.shown.name for each, source in zip(files, sources, strict=True) if 0 in source.names]
    if zero:
        yield f"{', '.join(zero)}: category 0 is a class like the others; written files count from 1"
    if seen["ignored"]:
        yield f"{seen['ignored']} annotation(s) are marked `ignore`: read with the attribute `ignore`"
    if seen["nested"]:
        yield f"{seen['nested']} attribute(s) hold lists or objects: read as their JSON text"
    for index in indices:
        seen.update(unread_keys(index.top))
    if len(names := _licences(indices)) > 1:
        count = len(names - {""})
        yield f"{count} licence(s) are named, and none of them holds for all images: none is kept"
    for what in ("images", "annotations", "categories", "info", "licenses", "top"):
        unread = [(_key(name), count) for name, count in seen.items() if name.startswith(f"{what}:")]
        if unread:
            unread.sort(key=lambda each: (-each[1], each[0]))
            told = [f"{key} ({count})" for key, count in unread[:MOST_KEYS_TOLD]]
            more = [f"{len(unread) - MOST_KEYS_TOLD} more"] if len(unread) > MOST_KEYS_TOLD else []
            yield f"not read, keys of {'the file' if what == 'top' else what}: {', '.join(told + more)}"


def _told_of_crowds(seen: Counter[str], total: int, from_cvat: bool, options: ReadOptions) -> Iterator[str]:
    masks = seen["crowds with runs"]
    if from_cvat and masks and not options.keep_crowds:
        yield (
            f"{masks} mask(s) marked iscrowd=1 are ordinary objects here, for CVAT marks every mask so; "
            "--keep-crowds believes it"
        )
    elif not from_cvat and 2 * masks > total:
        yield (
            f"{masks} of {total} annotations are masks marked iscrowd=1, which trainers pass over; "
            "if CVAT wrote this, read it with --from cvat-coco"
        )


def _key(name: str) -> str:
    """Return a key that was counted, with its own letters."""
    key = name.partition(":")[2]
    try:
        return key.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return key
