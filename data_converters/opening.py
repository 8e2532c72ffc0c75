"""Opens a data set for tools that only read it: any format, named by `--from` or told by its looks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data_converters.cli import AUTO, add_from, add_read_options, format_table, read_options
from data_converters.formats import FORMATS, find_format
from segloop.utils.cli import Parser
from segloop.utils.errors import UserError

if TYPE_CHECKING:  # numpy comes with it, and `--help` has no use for that
    from segloop.data.annotations import LabelledImages


def source_parser(description: str) -> Parser:
    """Return a parser that takes a DATASET and how to read it; see `open_source`."""
    parser = Parser(f"{description.strip()}\n\nformats:\n{format_table(reading=True)}")
    parser.add_argument("source", type=Path, metavar="DATASET", help="file or folder to read; never changed")
    add_from(parser, of="DATASET")
    add_read_options(parser, of="DATASET")
    return parser


def open_source(args: argparse.Namespace) -> tuple[LabelledImages, str]:
    """Open the data set that a command line of `source_parser` names; return it and its format."""
    name = args.from_format
    reader = None if name == AUTO else find_format(name)
    if not args.source.exists():
        raise UserError(f"{args.source} does not exist.")
    if reader is None:
        from data_converters.detect import detect

        name, reason = detect(args.source)
        args.from_format = name
        print(f"{args.source} is read as {name}: {reason}")
        reader = FORMATS[name]
    if not reader.reads:
        raise UserError(
            f"{name} is not read; choose {', '.join(each for each in FORMATS if FORMATS[each].reads)}."
        )
    from data_converters.places import check_read_options

    options = read_options(args)
    check_read_options(reader, options)
    return reader.read(args.source, options=options), name


def open_dataset(source: Path | str) -> LabelledImages:
    """Open a data set whose looks tell its format, as tools do that are given nothing but its place."""
    return open_source(source_parser("").parse_args([str(source)]))[0]
