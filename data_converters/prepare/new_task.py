"""The first half of `tools/new_task.py`: its command line, and the road from a source to data/NAME."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from data_converters.base import ReadOptions
from data_converters.cli import format_table
from data_converters.prepare.cli import (
    default_root,
    prepare_and_tell,
    read_options,
    refuse_negative,
    split_shares,
)
from data_converters.prepare.tasks import TASKS
from segloop.utils.cli import Parser
from segloop.utils.errors import UserError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")
KINDS = ("semantic", "instances")
BASES = Path("configs/_base_")


def make_parser(description: str) -> Parser:
    """Return the parser."""
    parser = Parser(f"{description.strip()}\n\nformats:\n{format_table(reading=True)}")
    parser.add_argument("name", metavar="NAME", help="of the task: small letters, digits, - and _")
    parser.add_argument("source", type=Path, metavar="SRC", help="images and labels; only read")
    parser.add_argument(
        "--from", dest="from_format", metavar="F", help="format of SRC (default: by its looks)"
    )
    parser.add_argument(
        "--kind", choices=KINDS, help="a class for each pixel, or objects (default: what the labels are)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="where the image files are, if elsewhere")
    parser.add_argument(
        "--mask-folder",
        metavar="NAME",
        help="what the folders of masks are called, where there are several kinds",
    )
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME", help="names of classes, in order")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="train on these classes alone")
    parser.add_argument("--list", type=Path, metavar="FILE", help="only the images of a LIST file")
    parser.add_argument("--licence", metavar="TEXT", help="the licence of the data, for dataset.json")
    parser.add_argument("--shares", nargs="+", metavar="SPLIT=N", help="what to cut: train=80 val=20")
    parser.add_argument(
        "--group-by",
        metavar="HOW",
        help="images of one split: folder, a REGEX of names, a table.csv (image_id,group), none",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the cut (default: 0)")
    parser.add_argument("--media", choices=("copy", "hardlink", "link"), help="how images are brought along")
    parser.add_argument("--skip-bad", action="store_true", help="leave out what cannot be used; exit code 1")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="of training (default: 30)")
    parser.add_argument("--no-trial", action="store_true", help="write the config without trying it here")
    parser.add_argument("--force", action="store_true", help="make data and config anew, if they are there")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    return parser


def parse_args(description: str) -> argparse.Namespace:
    """Read the command line; a name that is taken or no name is refused."""
    args = make_parser(description).parse_args()
    if not NAME.fullmatch(args.name):
        raise UserError(f"{args.name!r} is no name of a task: small letters, digits, - and _ (steel_2).")
    if args.name in TASKS or args.name == "_base_":
        raise UserError(f"{args.name} is a task of SegLoop's own; choose another, or use tools/prepare.py.")
    if not 0 < args.minutes < 1e5:
        raise UserError(f"--minutes {args.minutes:g}: a training lasts some minutes.")
    refuse_negative(args)
    return args


def prepare_source(args: argparse.Namespace) -> tuple[Path, str, int]:
    """Prepare data/NAME as the command line says, and say what came of it; return root, kind, exit code."""
    shares = split_shares(args.shares)
    if shares is not None and "val" not in shares:
        raise UserError(f"--shares {' '.join(args.shares)}: a training needs a val split beside train.")
    if not BASES.is_dir():
        raise UserError(
            f"There is no {BASES} here, which the config of a new task builds on. Start new_task.py in the "
            "folder of SegLoop that holds configs/."
        )
    from data_converters.prepare.anything import look_at  # after --help and typing mistakes
    from data_converters.prepare.record import Wish

    options = ReadOptions(
        images=args.images, labels=tuple(args.labels), list_file=args.list, mask_folder=args.mask_folder
    )
    found = look_at(args.source, options=options, form=args.from_format, kind=args.kind)
    what = "a class for each pixel" if found.kind == "semantic" else "objects"
    print(f"{found.root} is read as {found.form} ({found.reason}): {what}")
    for note in found.notes:
        print(note)
    task = found.task(args.name)
    wish = Wish(
        task=task,
        source=found.root,
        drawing=None,
        seed=args.seed,
        shares=shares,
        options=replace(read_options(task, args), images=found.options.images),
        from_format=found.form,
        licence=args.licence,
        group_by=args.group_by,
        only=tuple(args.only),
        elsewhere="another NAME makes another set",
        opened=found.opened,
    )
    root = default_root(args.name)
    outcome = prepare_and_tell(wish, root, args)
    if "train" not in outcome.info.splits or "val" not in outcome.info.splits:
        raise UserError(
            f"{root} has the splits {', '.join(outcome.info.splits)}, as its author's folders say, and a "
            "training needs train and val. Bring the images into one folder, and they are cut."
        )
    return root, found.kind, outcome.exit_code
