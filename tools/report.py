"""Write the report of a tested model: one HTML page that holds all it shows, and the same in Markdown.

    python tools/report.py configs/config_experiment_1.py
    python tools/report.py RUN RUN --out reports/multiclass.html
    python tools/report.py RUN --goals goals.yaml --data-root /mnt/data/multiclass

RUN is a RUN folder, a work_dir, or a config (its newest RUN). The report is about the first; several are
compared. Writes OUT.html, OUT.md and OUT_files/ (default: RUN/report.html).
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import UserError
from segloop.utils.flags import add_group, check_data_root, check_numbers, group_of

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="RUN folder, work_dir or config")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="what to write (RUN/report.html)")
    parser.add_argument("--split", metavar="NAME", help="the newest RUN of this split (default: of any)")
    parser.add_argument(
        "--goals", type=Path, metavar="FILE", help="default: DATA/goals.yaml, configs/TASK/goals.yaml"
    )
    parser.add_argument("--eda", type=Path, metavar="FILE", help="default: eda.json in work_dirs/eda/DATA")
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="where the data set lies, if it was moved"
    )
    add_group(parser)
    parser.add_argument("--repeats", type=int, default=1000, metavar="N", help="bootstrap resamples (1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (0)")
    return parser.parse_args()


def main() -> int:
    """Read, write, and say where to look."""
    args = parse_args()
    check_numbers(args, repeats=100, seed=0)
    check_data_root(args)
    group = group_of(args)
    if args.eda is not None and not args.eda.is_file():
        raise UserError(f"--eda {args.eda}: there is no such file.")
    from segloop.analysis.report.bibliography import read_references
    from segloop.analysis.report.contents import Contents
    from segloop.analysis.report.facts import Facts
    from segloop.analysis.report.goals import Task, find_goals, read_task
    from segloop.analysis.report.report import write_report
    from segloop.analysis.report.repository import read_repository
    from segloop.analysis.runs import read_run

    common = {
        "given_root": args.data_root,
        "eda_file": args.eda,
        "group": group,
        "repeats": args.repeats,
        "seed": args.seed,
    }
    runs = [Facts(read_run(target, split=args.split), ROOT, **common) for target in args.runs]
    task = runs[0].info.task if runs[0].info else None
    goals = args.goals or find_goals(task, data_root=runs[0].data_root, configs=ROOT / "configs")
    bibliography = ROOT / "docs" / "references.bib"
    contents = Contents(
        runs,
        read_task(goals) if goals else Task(),
        read_repository(ROOT),
        read_references(bibliography) if bibliography.is_file() else {},
    )
    page, markdown, pictures = write_report(contents, args.out or runs[0].run.folder / "report.html")
    for goal, verdict in contents.verdicts:
        print(f"{verdict.done:>4}  {goal.bar_text}{f' ({verdict.why})' if verdict.why else ''}")
    print(f"Wrote {markdown} and {pictures.name}/ for it\nLook at {page}")
    return 0


if __name__ == "__main__":
    run(main)
