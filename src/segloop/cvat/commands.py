"""The commands of `tools/cvat.py` that speak to a server: push, status, pull."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segloop.cvat.label_commands import read_files, require_free, write_files
from segloop.utils.cli import Parser
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, UserError
from segloop.utils.progress import counted

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.cvat.files import FileCodec
    from segloop.cvat.manifest import Manifest
    from segloop.cvat.pull import Pulled
    from segloop.cvat.server import Server
    from segloop.data.annotations import LabelledImages

Predicted = Callable[[str, "LabelledImages", float], "LabelledImages"]
MAPS = ("mmseg",)  # formats of index maps
LOOPS = Path("work_dirs") / "cvat"
SERVERS_ALONE = ("loop", "job_size", "replace", "host", "org", "credentials")  # flags of a push to a server


class Formats(Protocol):
    """What knows label formats; the tool passes `data_converters.cvat_loop` in."""

    @property
    def codec(self) -> FileCodec:
        """What reads and writes CVAT for images 1.1."""
        ...

    def open_set(
        self, source: Path, *, form: str, images: Path | None, split: str | None, labels: Sequence[str]
    ) -> tuple[LabelledImages, str]:
        """Open a data set; return it and the name of its format."""
        ...

    def require_written(self, formats: Sequence[str]) -> None:
        """Refuse formats that are not there, or are only read."""
        ...

    def deliver(self, images: LabelledImages, folder: Path, formats: Sequence[str]) -> None:
        """Write a set in each format into a folder."""
        ...


def _parser(command: str, text: str) -> Parser:
    parser = Parser(text)
    parser.prog = f"cvat.py {command}"
    return parser


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which server; secrets have none, for arguments stay in histories."""
    group = parser.add_argument_group("the server (secrets: environment or file, never here; docs/cvat.md)")
    group.add_argument("--host", metavar="URL", help="default: CVAT_HOST")
    group.add_argument("--org", metavar="SLUG", help="organization (default: CVAT_ORGANIZATION)")
    group.add_argument("--credentials", type=Path, metavar="FILE", help="KEY=VALUE lines, chmod 600")


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how the data set is read."""
    parser.add_argument(
        "source", type=Path, metavar="DATASET", help="a data set of any format; never changed"
    )
    parser.add_argument("--from", dest="from_format", metavar="F", default="auto", help="its format")
    parser.add_argument(
        "--images-dir", type=Path, metavar="DIR", help="where the image files are, if elsewhere"
    )
    parser.add_argument("--split", metavar="NAME", help="only this split")
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME", help="names, where it has numbers")


def open_set(args: argparse.Namespace, formats: Formats) -> tuple[LabelledImages, dict[str, Any]]:
    """Return the data set that `add_source` names, and how it was opened, as plain values."""
    images, name = formats.open_set(
        args.source, form=args.from_format, images=args.images_dir, split=args.split, labels=args.labels
    )
    opened = {
        "path": str(args.source.absolute()),
        "format": name,
        "images_dir": None if args.images_dir is None else str(args.images_dir.absolute()),
        "split": args.split,
        "labels": list(args.labels),
    }
    return images, opened


def masks_option(text: str) -> str:
    """Return how masks are written, by what `--as` says.

    >>> masks_option("polygons:1.5"), masks_option("masks")
    ('polygon:1.5', 'rle')
    """
    word, _, tolerance = text.partition(":")
    try:
        if word == "masks" and not tolerance:
            return "rle"
        if word == "polygons" and float(tolerance) >= 0:
            return f"polygon:{float(tolerance):g}"
    except ValueError:
        pass
    raise UserError(f"--as {text!r}: choose masks, or polygons:TOL with TOL in pixels, such as polygons:1.")


def chosen(text: str) -> list[str] | None:
    """Return the ids of a LIST file; None for `all`."""
    from segloop.data.layout import read_list

    return None if text == "all" else read_list(Path(text))


def push(words: Sequence[str], text: str, formats: Formats, predicted: Predicted) -> int:
    """Bring images and labels to CVAT."""
    parser = _parser("push", text)
    add_source(parser)
    parser.add_argument("--images", default="all", metavar="LIST", help="LIST file, or all; its order stays")
    parser.add_argument("--run", metavar="RUN", help="send this RUN's predictions, in tasks of their own")
    parser.add_argument("--only-predictions", action="store_true", help="with --run: no tasks of the truth")
    parser.add_argument("--score-thr", type=float, metavar="P", help="of predicted objects (default: 0.5)")
    parser.add_argument("--as", dest="form", default="masks", metavar="FORM", help="masks, or polygons:TOL")
    parser.add_argument("--chunk", type=int, default=100, metavar="N", help="images of a task")
    parser.add_argument(
        "--job-size", type=int, default=0, metavar="N", help="images of a job (default: the task's)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="replace what people did since; it is backed up"
    )
    parser.add_argument(
        "--loop", type=Path, metavar="DIR", help=f"the loop's folder (default: {LOOPS}/<name>)"
    )
    parser.add_argument(
        "--to-files", type=Path, metavar="DIR", help="no server: write what a person uploads in the web page"
    )
    add_server(parser)
    args = parser.parse_args(words)
    _check(parser, args)
    if args.to_files is not None:
        require_free(args.to_files, "--to-files")
    masks, wanted = masks_option(args.form), chosen(args.images)
    from segloop.data.info import set_name
    from segloop.utils.locks import alone_in

    folder = args.loop or LOOPS / set_name(args.source.absolute())
    busy = f"Another push into {folder} is at work. Wait for its end, or name another --loop."
    with nullcontext() if args.to_files else alone_in(folder, busy):
        return _push(args, folder, formats, predicted, masks=masks, wanted=wanted)


def _check(parser: Parser, args: argparse.Namespace) -> None:
    """Refuse flags of a push that would do nothing, and numbers that mean nothing."""
    if args.only_predictions and not args.run:
        parser.error("--only-predictions needs --run")
    if args.score_thr is not None and not args.run:
        parser.error("--score-thr needs --run")
    if args.score_thr is not None and not 0 <= args.score_thr <= 1:
        parser.error(f"--score-thr {args.score_thr:g}: a score is a number from 0 to 1")
    if args.job_size < 0:
        parser.error(f"--job-size {args.job_size}: it must be at least 0")
    idle = [name for name in SERVERS_ALONE if getattr(args, name)]
    if args.to_files is not None and idle:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        parser.error(f"{flags} would do nothing beside --to-files, for no server is asked")


def _push(
    args: argparse.Namespace,
    folder: Path,
    formats: Formats,
    predicted: Predicted,
    *,
    masks: str,
    wanted: Sequence[str] | None,
) -> int:
    from segloop.cvat.credentials import find_credentials
    from segloop.cvat.files import HOST as BY_HAND
    from segloop.cvat.manifest import Manifest, check_place, read_manifest
    from segloop.cvat.packages import agree, plan_packages
    from segloop.cvat.push import Push
    from segloop.cvat.server import connect

    credentials, begun = None, None  # nobody needs any for files
    if args.to_files is None:
        begun = read_manifest(folder)
        credentials = find_credentials(
            file=args.credentials,
            host=args.host,
            organization=args.org,
            otherwise=None if begun is None or begun.host == BY_HAND else begun.host,
        )
    images, opened = open_set(args, formats)
    name = str(images.facts.get("name") or args.source.stem)
    source = {**opened, "run": args.run}
    manifest = None
    if credentials is not None:  # another server's loop is refused before any image is read
        host, organization = credentials.host, credentials.organization
        manifest = begun or Manifest.new(folder, host=host, organization=organization, name=name)
        check_place(manifest, host=host, organization=organization)
        manifest.source = source
    sets = {} if args.only_predictions else {"truth": images}
    if args.run:
        least = 0.5 if args.score_thr is None else args.score_thr
        sets["predictions"] = predicted(args.run, images, least)
    called = {"truth": "the set", "predictions": f"the RUN {args.run}"}
    with counted("images read") as progress:
        plans = agree(
            {
                kind: plan_packages(each, wanted, chunk=args.chunk, progress=progress, source=called[kind])
                for kind, each in sets.items()
            }
        )
    if credentials is None or manifest is None:
        return write_files(plans, args.to_files, formats.codec, name=name, source=source, masks=masks)
    with connect(credentials) as server, counted("tasks") as progress:
        done = Push(
            server,
            manifest,
            plans,
            formats.codec,
            masks=masks,
            replace=args.replace,
            job_size=args.job_size,
            progress=progress,
            counted=counted,
        ).run()
        print("\n".join([*done.untouched, *done.done, *done.refused]))
        print(f"{server.host}/projects/{manifest.project_id}; what was sent is in {folder}")
    return EXIT_FINDINGS if done.refused else EXIT_DONE


def _loop(parser: Parser) -> None:
    parser.add_argument("loop", type=Path, metavar="LOOP", help=f"the loop's folder: {LOOPS}/<name>")
    add_server(parser)


def status(words: Sequence[str], text: str, formats: Formats) -> int:
    """Say how far the people in CVAT are."""
    parser = _parser("status", text)
    _loop(parser)
    parser.add_argument("--quick", action="store_true", help="do not export to see what was changed")
    args = parser.parse_args(words)
    from segloop.cvat.manifest import need_manifest
    from segloop.cvat.status import status_lines

    manifest = need_manifest(args.loop)
    with _server_of(manifest, args) as server:
        for line in status_lines(server, manifest, codec=formats.codec, quick=args.quick):
            print(line)
    return EXIT_DONE


def pull(words: Sequence[str], text: str, formats: Formats) -> int:
    """Bring labels back and write them in each format."""
    parser = _parser("pull", text)
    _loop(parser)
    parser.add_argument("--all", action="store_true", help="unfinished jobs, too")
    parser.add_argument("--kind", default="truth", choices=["truth", "predictions"], help="of the tasks")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: LOOP/pulled/<kind>, replaced")
    parser.add_argument("--to", nargs="+", default=["cvat", "coco", "mmseg"], metavar="F", help="formats")
    parser.add_argument(
        "--from-files", nargs="+", type=Path, metavar="ZIP", help="no server: what the web page exported"
    )
    args = parser.parse_args(words)
    formats.require_written(args.to)
    if args.out is not None:
        require_free(args.out, "--out")
    from segloop.utils.staging import staged

    if args.from_files:
        pulled = read_files(args.loop, args.from_files, formats.codec, args.kind)
    else:
        pulled = _pulled(args, formats)
    for line in pulled.told:
        print(line)
    print(f"{len(pulled.images)} image(s): {pulled.changes}")
    if pulled.deleted:
        print(f"{len(pulled.deleted)} image(s) were deleted in CVAT and are left out: {pulled.deleted[0]} …")
    if pulled.waiting and not args.from_files:
        print(f"{len(pulled.waiting)} image(s) are in jobs that are not finished; --all takes them, too")
    if not pulled.images:
        unfinished = "No job is finished, so nothing was written. --all takes what there is."
        raise UserError(unfinished if pulled.waiting else "No image came back, so nothing was written.")
    target = args.out or args.loop / "pulled" / args.kind
    with staged(target, replace=args.out is None) as place:
        place.mkdir()
        formats.deliver(pulled.as_set(), place, [name for name in args.to if name not in MAPS])
        formats.deliver(pulled.as_set(maps=True), place, [name for name in args.to if name in MAPS])
        pulled.write_provenance(place / "pull.json")
    print(f"written to {target}")
    return EXIT_DONE


def _server_of(manifest: Manifest, args: argparse.Namespace) -> AbstractContextManager[Server]:
    """Return the server of a loop, logged in to; another one than it was made with is refused."""
    from segloop.cvat.credentials import find_credentials
    from segloop.cvat.files import HOST as BY_HAND
    from segloop.cvat.manifest import check_place
    from segloop.cvat.server import connect

    if manifest.host == BY_HAND:
        raise UserError(
            f"{manifest.folder} went to CVAT by hand, so there is no server to ask: python tools/cvat.py "
            f"pull {shlex.quote(str(manifest.folder))} --from-files FILE.zip …"
        )
    organization = args.org if args.org is not None else manifest.organization
    credentials = find_credentials(
        file=args.credentials, host=args.host, organization=organization, otherwise=manifest.host
    )
    check_place(manifest, host=credentials.host, organization=credentials.organization)
    return connect(credentials)


def _pulled(args: argparse.Namespace, formats: Formats) -> Pulled:
    """Return what the server holds."""
    from segloop.cvat.manifest import need_manifest
    from segloop.cvat.pull import pull as pull_labels

    manifest = need_manifest(args.loop)
    with _server_of(manifest, args) as server:
        return pull_labels(server, manifest, codec=formats.codec, kind=args.kind, everything=args.all)
