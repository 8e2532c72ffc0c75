"""The command line of the converter, for `tools/convert.py` and `python -m data_converters` alike."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from data_converters.base import ReadOptions, WriteOptions
from data_converters.formats import FORMATS, find_format
from segloop.utils.cli import Parser
from segloop.utils.errors import UserError
from segloop.utils.progress import counted

AUTO = "auto"


def format_table(*, reading: bool = False) -> str:
    """Return the formats with what can be done with them, a line each; or those alone that can be read."""
    if reading:
        return "\n".join(f"  {each.name:<11}{each.summary}" for each in FORMATS.values() if each.reads)
    ways = {(True, True): "read, write", (True, False): "read", (False, True): "write"}
    return "\n".join(
        f"  {each.name:<11}{ways[each.reads, each.writes]:<13}{each.summary}" for each in FORMATS.values()
    )


def make_parser(description: str) -> Parser:
    """Return the parser of the converter."""
    parser = Parser(f"{description.strip()}\n\nformats:\n{format_table()}")
    parser.add_argument("source", type=Path, metavar="SRC", help="file or folder to read; never changed")
    parser.add_argument("target", type=Path, metavar="DST", help="file or folder to make")
    add_from(parser)
    parser.add_argument("--to", dest="to_format", metavar="F", required=True, help="format of DST")
    parser.add_argument(
        "--strict", action="store_true", help="write nothing if anything would be lost; exit code 1"
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out images that cannot be used, and exit with 1"
    )
    parser.add_argument("--force", action="store_true", help="replace DST, once the new one is whole")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core, if it lasts)"
    )
    add_read_options(parser)
    add_write_options(parser)
    return parser


def add_from(parser: Parser, *, of: str = "SRC") -> None:
    """Add the flag that names the format of a source."""
    parser.add_argument(
        "--from",
        dest="from_format",
        metavar="F",
        default=AUTO,
        help=f"format of {of} (default: auto, which looks and says what it saw, or asks)",
    )


def add_read_options(parser: Parser, *, of: str = "SRC") -> None:
    """Add the flags that say how a source is read; `read_options` makes use of them."""
    group = parser.add_argument_group(f"about {of}")
    group.add_argument("--images", type=Path, metavar="DIR", help="where the image files are, if elsewhere")
    group.add_argument("--split", metavar="NAME", help=f"name the split of {of}, or pick one of several")
    group.add_argument(
        "--labels", nargs="+", default=[], metavar="NAME", help=f"names, where {of} has numbers or one class"
    )
    group.add_argument(
        "--size", type=_size, metavar="HxW", help="height and width of all images, where nothing tells"
    )
    group.add_argument(
        "--reduce-zero-label", action="store_true", help="mmseg's: 0 is ignored, 1 becomes 0 …"
    )
    group.add_argument("--list", type=Path, metavar="FILE", help="only the images that this LIST file names")
    group.add_argument("--keep-crowds", action="store_true", help="cvat-coco: believe its iscrowd=1")
    group.add_argument(
        "--join-groups",
        action="store_true",
        help="cvat: what shares a group is one object; spacecraft: craft",
    )
    group.add_argument(
        "--min-area", type=int, metavar="N", help="spacecraft: leave out objects of fewer pixels"
    )
    group.add_argument(
        "--color-tolerance",
        type=int,
        metavar="N",
        help="spacecraft: how far a channel may be off its colour's (default: 64)",
    )
    group.add_argument("--repair", action="store_true", help="sartorius: fill holes, close broken outlines")
    group.add_argument(
        "--mask-folder", metavar="NAME", help="pairs: the folders of one of several kinds of masks"
    )
    group.add_argument("--semantic", action="store_true", help="cityscapes: its classes in place of objects")
    group.add_argument("--from-results", action="store_true", help=f"{of} holds predictions")


def read_options(args: argparse.Namespace) -> ReadOptions:
    """Return what the flags of `add_read_options` ask for."""
    return ReadOptions(
        images=args.images,
        split=args.split,
        labels=tuple(args.labels),
        size_hw=args.size,
        reduce_zero_label=args.reduce_zero_label,
        list_file=args.list,
        keep_crowds=args.keep_crowds,
        join_groups=args.join_groups,
        min_area=args.min_area,
        color_tolerance=args.color_tolerance,
        repair=args.repair,
        results=args.from_results,
        mask_folder=args.mask_folder,
        semantic=args.semantic,
    )


def add_write_options(parser: Parser, *, predicted: bool = False) -> None:
    """Add the flags that say how a target is written; `write_options` makes use of them.

    Of `predicted` objects the surest gets a pixel that several claim.
    """
    group = parser.add_argument_group("about DST")
    group.add_argument(
        "--masks",
        "--as",
        default="rle",
        metavar="HOW",
        help="rle, exact-polygon, or polygon:TOL (at most TOL pixels off) (default: rle)",
    )
    if not predicted:
        group.add_argument(
            "--overlap",
            choices=("z-order", "area", "score"),
            default="z-order",
            help="whose a pixel is that several objects claim (default: z-order; area: the smaller)",
        )
    group.add_argument(
        "--instances",
        choices=("components", "classes"),
        default="components",
        help="what of an index map is an object: each connected part, or each class (default: components)",
    )
    group.add_argument(
        "--connectivity", type=int, choices=(4, 8), default=8, help="whether corners connect (default: 8)"
    )
    group.add_argument(
        "--media",
        choices=("copy", "hardlink", "link", "none"),
        help="what to do with image files: link makes symbolic links (default: the format's)",
    )
    group.add_argument(
        "--draw-boxes", action="store_true", help="turn boxes, turned boxes and ellipses into filled outlines"
    )
    group.add_argument(
        "--numbers",
        action="store_true",
        help="masks: one picture of object numbers an image, not one an object",
    )
    group.add_argument("--to-results", action="store_true", help="write predictions in the format's form")


def write_options(args: argparse.Namespace) -> WriteOptions:
    """Return what the flags of `add_write_options` ask for."""
    return WriteOptions(
        masks=args.masks,
        overlap=args.overlap if isinstance(args.overlap, str) else "z-order",
        instances=args.instances,
        connectivity=args.connectivity,
        media=args.media,
        draw=args.draw_boxes,
        numbers=args.numbers,
        results=args.to_results,
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not found or 0 in (size := (int(found[1]), int(found[2]))):
        raise argparse.ArgumentTypeError(f"{text!r} is no HEIGHTxWIDTH, such as 520x704")
    return size


def main(description: str) -> int:
    """Convert as the command line says, print the closing table, and return the exit code."""
    args = make_parser(description).parse_args()
    find_format(args.to_format)
    if args.from_format != AUTO:
        find_format(args.from_format)
    if args.workers is not None and args.workers < 0:
        raise UserError(f"--workers {args.workers}: there are no fewer than 0 processes.")
    from data_converters.convert import convert  # after --help and typing mistakes: it brings numpy

    if args.from_format == AUTO:
        from data_converters.detect import detect

        args.from_format, reason = detect(args.source)
        print(f"{args.source} is read as {args.from_format}: {reason}")
    with counted("images") as progress:
        report = convert(
            args.source,
            args.target,
            from_format=args.from_format,
            to_format=args.to_format,
            read_options=read_options(args),
            write_options=write_options(args),
            workers=args.workers,
            strict=args.strict,
            skip_bad=args.skip_bad,
            force=args.force,
            progress=progress,
        )
    print(report)
    return report.exit_code
