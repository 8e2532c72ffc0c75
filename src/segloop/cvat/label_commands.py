"""The commands of `tools/cvat.py` that need no server: diff, apply, and files for CVAT's web page."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segloop.utils.cli import Parser
from segloop.utils.errors import EXIT_DONE, UserError
from segloop.utils.progress import counted

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.cvat.diff import Diff, Predict
    from segloop.cvat.files import FileCodec
    from segloop.cvat.packages import Plan
    from segloop.cvat.pull import Pulled
    from segloop.cvat.version import Write
    from segloop.data.annotations import LabelledImages

DIFFS = Path("work_dirs") / "cvat" / "diffs"
AUTO = "auto"
MEDIA = ("hardlink", "link", "copy")
Predicting = Callable[[str], "Predict"]


class Formats(Protocol):
    """What knows label formats; the tool passes `data_converters.cvat_loop` in."""

    def open_labels(
        self, source: Path, *, form: str = AUTO, images: Path | None = None, split: str | None = None
    ) -> tuple[LabelledImages, str]:
        """Open a set of any format; of a prepared set that has both, the objects and not the index masks."""
        ...

    @property
    def write_version(self) -> Write:
        """What writes a set as another one is laid out."""
        ...


def _parser(command: str, text: str) -> Parser:
    parser = Parser(text)
    parser.prog = f"cvat.py {command}"
    parser.add_argument("old", type=Path, metavar="OLD", help="the labels before: a set, or a version of one")
    parser.add_argument("new", type=Path, metavar="NEW", help="the labels after: a loop, a pull, or a set")
    parser.add_argument("--old-from", metavar="F", default=AUTO, help="format of OLD (default: by its looks)")
    parser.add_argument("--new-from", metavar="F", default=AUTO, help="format of NEW (default: by its looks)")
    parser.add_argument("--images-dir", type=Path, metavar="DIR", help="where OLD's images are, if elsewhere")
    parser.add_argument("--split", metavar="NAME", help="only this split of OLD")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the tables and the page go")
    parser.add_argument(
        "--pictures", type=int, default=24, metavar="N", help="changed images that are drawn (24)"
    )
    return parser


def diff(words: Sequence[str], text: str, formats: Formats, predicting: Predicting) -> int:
    """Say what changed between two sets of labels."""
    parser = _parser("diff", text)
    parser.add_argument(
        "--run", metavar="RUN", help="hold this RUN's predictions against both, image by image"
    )
    args = parser.parse_args(words)
    found = _diff(args, formats, predicting)
    print(f"Look at {_write(found, args)}")
    return EXIT_DONE


def apply(words: Sequence[str], text: str, formats: Formats) -> int:
    """Make a new version of a data set with better labels."""
    parser = _parser("apply", text)
    parser.add_argument(
        "--rename", nargs="+", default=[], metavar="NEW=OLD", help="NEW is OLD by another name"
    )
    parser.add_argument(
        "--add-labels", action="store_true", help="put labels that OLD has not behind its own"
    )
    parser.add_argument(
        "--media", choices=MEDIA, default=MEDIA[0], help="how images come along (hardlink: no room, no copy)"
    )
    args = parser.parse_args(words)
    from segloop.cvat.version import apply as make_version
    from segloop.data.info import FILE_NAME

    if not (args.old / FILE_NAME).is_file():
        raise UserError(
            f"{args.old} has no {FILE_NAME}: a version is made of a prepared set. "
            "Prepare it first: python tools/prepare.py TASK SRC"
        )
    if args.split:
        raise UserError(
            "--split: a version holds all splits; leave it out, images of others stay as they are."
        )
    args.run = None
    found = _diff(args, formats, rename=dict(map(_pair, args.rename)))
    made = make_version(
        found,
        args.old,
        write=formats.write_version,
        media=args.media,
        add_labels=args.add_labels,
    )
    page = _write(found, args)
    for line in made.told:
        print(line)
    print(
        f"Version {made.number} is {made.root}: {made.changed:,} image(s) with other labels, "
        f"{made.looked:,} looked at and as they were, {made.kept:,} not looked at\n"
        f"{made.content_hash}\nLook at {page}\n"
        f"Train on both and judge: python tools/judge.py CONFIG {shlex.join([str(args.old), str(made.root)])}"
    )
    return EXIT_DONE


def _pair(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    if not (name and equals and target):
        raise UserError(f"--rename takes NEW=OLD, and {text!r} is not of that form.")
    return name, target


def _diff(
    args: argparse.Namespace,
    formats: Formats,
    predicting: Predicting | None = None,
    *,
    rename: Mapping[str, str] | None = None,
) -> Diff:
    from segloop.cvat.diff import diff as compare_sets
    from segloop.cvat.origins import Origins, find_origins, read_origins
    from segloop.cvat.renaming import rename_labels

    for name, least in (("workers", 0), ("pictures", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise UserError(f"--{name} {value}: it must be at least {least}.")
    place = pulled_in(args.new)
    record = find_origins(place)
    old, old_form = formats.open_labels(
        args.old, form=args.old_from, images=args.images_dir, split=args.split
    )
    new, new_form = formats.open_labels(place, form=args.new_from)
    new = rename_labels(new, rename or {}, old.labels)
    print(f"{args.old} ({old_form}) and {place} ({new_form})")
    with counted("images") as progress:
        found = compare_sets(
            old,
            new,
            old_name=str(args.old),
            new_name=str(args.new),
            origins=read_origins(record) if record else Origins(),
            predict=predicting(args.run) if args.run and predicting else None,
            model=args.run,
            workers=args.workers if args.workers is not None else (None if len(old) > 200 else 0),
            progress=progress,
        )
    from segloop.cvat.diff_tables import summary

    print(summary(found))
    return found


def _write(found: Diff, args: argparse.Namespace) -> Path:
    from segloop.cvat.diff_folder import write_diff

    name = "-".join(_short(each) for each in (args.old, args.new))
    with counted("pictures") as progress:
        return write_diff(found, args.out or DIFFS / name, pictures=args.pictures, progress=progress)


def _short(path: Path) -> str:
    parts = [part for part in path.resolve().parts[-3:] if part not in ("versions", "pulled", "truth", "/")]
    return "_".join("_".join(parts[-2:]).split())


def pulled_in(place: Path) -> Path:
    """Return what is meant by NEW: a loop is what was pulled last, and a pull its objects."""
    from segloop.cvat.manifest import FILE_NAME as MANIFEST
    from segloop.cvat.origins import FILE_NAME as RECORD

    if (place / MANIFEST).is_file():
        pulls = [
            each for each in (place / "pulled" / "truth", place / "pulled" / "predictions") if each.is_dir()
        ]
        if not pulls:
            raise UserError(
                f"{place} is a loop that nothing was pulled of yet: "
                f"python tools/cvat.py pull {shlex.quote(str(place))}"
            )
        place = pulls[0]
    if (place / RECORD).is_file():
        for name in ("coco", "cvat.zip", "cvat.xml", "cvat", "mmseg"):  # the first ones keep objects apart
            if (place / name).exists():
                return place / name
    return place


def require_free(folder: Path, flag: str) -> None:
    """Refuse a folder that holds anything, before minutes of work; `flag` is what names another."""
    from segloop.utils.staging import refuse_existing

    try:
        refuse_existing(folder)
    except UserError:
        raise UserError(f"{folder} exists already; {flag} names another folder.") from None


def write_files(
    plans: Mapping[str, Plan],
    target: Path,
    codec: FileCodec,
    *,
    name: str,
    source: Mapping[str, Any],
    masks: str,
) -> int:
    """Write what a person uploads in CVAT's web page, and say where it lies."""
    from segloop.cvat.files import HOST, INSTRUCTIONS
    from segloop.cvat.files import write_files as write
    from segloop.cvat.manifest import Manifest
    from segloop.utils.staging import staged

    with staged(target) as place:
        place.mkdir()
        manifest = Manifest.new(place, host=HOST, organization=None, name=name)
        manifest.source = source
        filed = write(plans, place, manifest, codec=codec, masks=masks)
    print("\n".join([*filed.tasks, *filed.told]))
    print(f"{filed.images:,} image(s), compared pixel for pixel. What to do: {target / INSTRUCTIONS}")
    return EXIT_DONE


def read_files(loop: Path, files: Sequence[Path], codec: FileCodec, kind: str) -> Pulled:
    """Read what a person downloaded from CVAT's web page."""
    from segloop.cvat.files import read_files as read
    from segloop.cvat.manifest import need_manifest

    return read(need_manifest(loop), files, codec=codec, kind=kind)
