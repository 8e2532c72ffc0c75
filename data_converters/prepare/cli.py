"""The command line of `tools/prepare.py`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from data_converters.base import ReadOptions
from data_converters.prepare.base import Task
from data_converters.prepare.demos import spread
from data_converters.prepare.tasks import TASKS, find_task
from segloop.utils.cli import Parser
from segloop.utils.errors import UserError
from segloop.utils.progress import counted

if TYPE_CHECKING:  # numpy comes with them, and a typing mistake is told before
    from data_converters.prepare.record import Wish
    from data_converters.prepare.road import Outcome

OF_DOWNLOADS: tuple[str, ...] = ("media", "shares", "licence", "skip_bad", "images", "from_format", "labels")
OF_DOWNLOADS += ("mask_folder", "list", "reduce_zero_label", "min_area", "color_tolerance")
OF_TASKS = ("reduce_zero_label", "mask_folder", "join_groups", "min_area", "color_tolerance", "repair")
OF_DEMOS = ("size", "count")


def task_table() -> str:
    """Return the tasks, a line each."""
    return "\n".join(f"  {each.name:<11}{each.summary}" for each in TASKS.values())


def make_parser(description: str) -> Parser:
    """Return the parser."""
    parser = Parser(f"{description.strip()}\n\ntasks:\n{task_table()}")
    parser.add_argument("task", metavar="TASK", help="which of the tasks")
    parser.add_argument(
        "source", type=Path, nargs="?", metavar="SRC", help="the download, a folder or file; never changed"
    )
    parser.add_argument("--demo", action="store_true", help="draw a download first, and prepare that")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder to make (default: $SEGLOOP_DATA or data, then /TASK)"
    )
    parser.add_argument("--force", action="store_true", help="replace a prepared set that is there already")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="another seed cuts and draws otherwise (default: 0)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes, for the same bytes (default: one a core)",
    )
    parser.add_argument(
        "--join-groups", action="store_true", help="spacecraft: objects are whole craft, not their parts"
    )
    parser.add_argument(
        "--repair", action="store_true", help="cells: fill holes, and outlines that were left open"
    )
    _add_source_flags(parser)
    _add_demo_flags(parser)
    return parser


def _add_source_flags(parser: Parser) -> None:
    group = parser.add_argument_group("with a download")
    group.add_argument(
        "--media",
        choices=("copy", "hardlink", "link"),
        help="how images are brought along; link makes symbolic links (default: hardlink where possible, "
        "else copy)",
    )
    group.add_argument(
        "--shares",
        nargs="+",
        metavar="SPLIT=N",
        help="what is cut into which splits: train=80 val=20",
    )
    group.add_argument("--licence", metavar="TEXT", help="the licence of the data, for dataset.json")
    group.add_argument("--skip-bad", action="store_true", help="leave out what cannot be used; exit code 1")
    group.add_argument("--images", type=Path, metavar="DIR", help="where the image files are, if elsewhere")
    group.add_argument("--from", dest="from_format", metavar="F", help="multiclass: format of SRC")
    group.add_argument("--labels", nargs="+", default=[], metavar="NAME", help="multiclass: names of classes")
    group.add_argument(
        "--mask-folder", metavar="NAME", help="multiclass: of several kinds of masks, these folders"
    )
    group.add_argument("--list", type=Path, metavar="FILE", help="multiclass: only the images of a LIST file")
    group.add_argument(
        "--reduce-zero-label", action="store_true", help="multiclass: 0 is ignored, 1 becomes 0 …"
    )
    group.add_argument(
        "--min-area", type=int, metavar="N", help="spacecraft: leave out objects of fewer pixels"
    )
    group.add_argument(
        "--color-tolerance", type=int, metavar="N", help="spacecraft: how far colours of masks may be off"
    )


def _add_demo_flags(parser: Parser) -> None:
    group = parser.add_argument_group("with --demo")
    group.add_argument("--size", type=int, metavar="N", help="size of images in pixels (default: the task's)")
    group.add_argument(
        "--count",
        nargs="+",
        metavar="N",
        help="images in all, or by split: train=40 val=10 (default: the task's)",
    )


def parse_args(description: str) -> argparse.Namespace:
    """Read the command line; what does not go together is refused."""
    args = make_parser(description).parse_args()
    if not is_own(args):
        find_task(args.task)
    if args.demo == (args.source is not None) and not is_own(args):
        raise UserError(
            f"Name the download, or draw one:\n  python tools/prepare.py {args.task} SRC\n"
            f"  python tools/prepare.py {args.task} --demo"
        )
    lone = OF_DOWNLOADS if args.demo else OF_DEMOS if args.source else (*OF_DOWNLOADS, *OF_DEMOS)
    given = [
        f"--{name.removesuffix('_format').replace('_', '-')}" for name in lone if _said(getattr(args, name))
    ]
    if given:
        verb = "goes" if len(given) == 1 else "go"
        alone = "with --demo alone" if args.source else "with a download or with --demo"
        where = "with a download, not with --demo" if args.demo else alone
        raise UserError(f"{', '.join(given)} {verb} {where}; leave it out.")
    refuse_negative(args)
    return args


def refuse_negative(args: argparse.Namespace) -> None:
    """Refuse a number of processes, or a seed, below 0."""
    if args.workers is not None and args.workers < 0:
        raise UserError(f"--workers {args.workers}: there are no fewer than 0 processes.")
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: seeds are 0 or more.")


def is_own(args: argparse.Namespace) -> bool:
    """Return whether a set is asked for by its name alone that tools/new_task.py made, as dvc.yaml does."""
    made = args.task not in TASKS and args.source is None and not args.demo
    return made and ((args.out or default_root(args.task)) / "dataset.json").is_file()


def _said(value: object) -> bool:
    return value is not None and value is not False and value != []  # 0 was said


def main(description: str) -> int:
    """Prepare a set as the command line says, say what came of it, and return the exit code."""
    args = parse_args(description)
    if is_own(args):
        return _tell_own(args.out or default_root(args.task))
    task = find_task(args.task)
    options = read_options(task, args)
    from data_converters.prepare.record import Drawing, Wish  # after --help and typing mistakes

    wish = Wish(
        task=task,
        source=args.source,
        drawing=Drawing(counts=_counts(task, args.count), size=args.size) if args.demo else None,
        seed=args.seed,
        shares=split_shares(args.shares),
        options=options,
        from_format=args.from_format,
        licence=args.licence,
    )
    return prepare_and_tell(wish, args.out or default_root(task.name), args).exit_code


def _tell_own(root: Path) -> int:
    from segloop.data.info import DatasetInfo

    info = DatasetInfo.read(root)
    counts = ", ".join(f"{count:,} {split}" for split, count in info.splits.items())
    print(f"{root} is a set of your own and stays as it is: {counts}; {info.content_hash}")
    return 0


def default_root(name: str) -> Path:
    """Return where the data of a task lie if nothing else is said."""
    return Path(os.environ.get("SEGLOOP_DATA", "data")) / name


def prepare_and_tell(wish: Wish, root: Path, args: argparse.Namespace) -> Outcome:
    """Prepare a set with the flags that all preparations share, and print what came of it."""
    from data_converters.prepare.road import prepare

    outcome = prepare(
        wish,
        root,
        media=args.media,
        workers=args.workers,
        skip_bad=args.skip_bad,
        force=args.force,
        watch=counted,
    )
    if outcome.report is not None:
        print("\n\n".join((str(outcome.report), *outcome.cut)), end="\n\n")
    print(outcome)
    return outcome


def read_options(task: Task, args: argparse.Namespace) -> ReadOptions:
    """Return what the user says of the download; what the task does not heed is refused."""
    options = {
        "images": args.images,
        "labels": tuple(args.labels),
        "list_file": args.list,
        **{name: getattr(args, name) for name in OF_TASKS if hasattr(args, name)},
    }
    plain = ReadOptions()
    given = {name: value for name, value in options.items() if value != getattr(plain, name)}
    idle = [name.removesuffix("_file").replace("_", "-") for name in given if name not in task.read_options]
    idle += ["from"] if args.from_format and not task.any_format else []
    if idle:
        raise UserError(f"The task {task.name} has no use for --{', --'.join(idle)}; leave it out.")
    return ReadOptions(**given)


def _counts(task: Task, texts: list[str] | None) -> dict[str, int] | None:
    if texts is None:
        return None
    usual = task.generator().COUNTS
    if len(texts) == 1 and texts[0].isdecimal():
        if int(texts[0]) < len(usual):
            raise UserError(f"--count {texts[0]}: at least one of each is drawn: {', '.join(usual)}.")
        return spread(int(texts[0]), usual)
    counts = {name: int(number) for name, number in _pairs("--count", texts).items()}
    strange = [name for name in counts if name not in usual]
    if strange:
        raise UserError(f"--count: {task.name} draws {', '.join(usual)}, not {', '.join(strange)}.")
    return counts


def split_shares(texts: list[str] | None) -> dict[str, float] | None:
    """Return what `--shares` says; None where it says nothing."""
    if texts is None:
        return None
    shares = _pairs("--shares", texts)
    if "train" not in shares:
        raise UserError(f"--shares {' '.join(texts)}: there has to be a train split.")
    return shares


def _pairs(flag: str, texts: list[str]) -> dict[str, float]:
    """Turn `train=80` and its like into numbers."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not name.isidentifier() or not 0 < value < 1e9 or (flag == "--count" and value != int(value)):
            raise UserError(f"{flag} takes SPLIT=N, such as train=80, not {text!r}")
        if name in found:
            raise UserError(f"{flag} names {name} twice.")
        found[name] = value
    return found
