"""Look a data set over before it costs a training: broken files, leaks between splits, doubtful labels.

    python tools/check.py data/multiclass
    python tools/check.py export.zip --from cvat --html check.html --json check.json
    python tools/check.py data/ships --skip specks slivers --write-list look_at.txt

Exit codes: 0 nothing found, 1 findings, 2 a mistake in the command.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from data_converters.opening import open_source, source_parser
from segloop.utils.cli import run
from segloop.utils.errors import DataError, FormatError, UserError, nearest
from segloop.utils.progress import counted

KINDS = (
    *("set", "image", "labels", "case", "leak", "turned-leak", "conflict", "copies", "blank"),
    *("unlabelled", "unlisted", "empty", "edges", "holes", "slivers", "specks"),
)


def parse_args() -> Namespace:
    """Read the command line."""
    parser = source_parser(f"{(__doc__ or '').strip()}\n\nkinds of findings: {' '.join(KINDS)}")
    parser.add_argument("--skip", nargs="+", default=[], metavar="KIND", help="do not tell these kinds")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings as JSON")
    parser.add_argument(
        "--write-list",
        type=Path,
        metavar="FILE",
        help="write a LIST of the images that were found fault with",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    return parser.parse_args()


def main() -> int:
    """Look the set over, say what was found, write what was asked for."""
    args = parse_args()
    if args.workers is not None and args.workers < 0:
        raise UserError(f"--workers {args.workers}: there are no fewer than 0 processes.")
    for kind in args.skip:
        if kind not in KINDS:
            raise UserError(f"There is no kind {kind!r}; choose {', '.join(KINDS)}.{nearest(kind, KINDS)}")
    from data_converters.places import check_reports

    check_reports(
        (args.json, args.write_list, args.html), source=args.source, images=args.images, list_file=args.list
    )
    from segloop.data.inspection import inspect_set
    from segloop.data.inspection.survey import broken_set
    from segloop.utils.atomic import write_json, write_text

    images = None
    try:
        images, name = open_source(args)
        whole = args.split is None and args.list is None
        with counted("images") as progress:
            verdict = inspect_set(
                images,
                source=str(args.source),
                form=name,
                whole=whole,
                workers=args.workers,
                progress=progress,
            )
    except (DataError, FormatError) as error:
        if args.split or args.list:  # there may be no such split, and no such image
            raise
        verdict = broken_set(error, source=str(args.source), form=args.from_format)
    verdict = verdict.without(args.skip)
    print(verdict)
    try:
        if args.json:
            write_json(args.json, verdict.as_json())
        if args.write_list:
            write_text(args.write_list, verdict.image_list())
        if args.html:
            from segloop.viz.check_page import check_page

            write_text(args.html, check_page(verdict, images))
    except OSError as error:
        raise UserError(f"What was found cannot be written: {error}.") from error
    return verdict.exit_code


if __name__ == "__main__":
    run(main)
