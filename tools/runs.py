"""List the trainings: state, progress, score, time, commit; for the unfinished ones, the command to go on.

python tools/runs.py                     everything below work_dirs
python tools/runs.py DIR … --unfinished  only what was killed, interrupted or failed
python tools/runs.py --json              the same for programs
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import EXIT_DONE


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("folders", nargs="*", metavar="DIR", help="where to look (default: work_dirs)")
    parser.add_argument(
        "--unfinished", action="store_true", help="only what was killed, interrupted or failed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def main() -> int:
    """Look, and print."""
    args = parse_args()
    import dataclasses

    from segloop.analysis.work_dirs import UNFINISHED, list_trainings, table

    trainings = list_trainings([Path(folder) for folder in args.folders or ["work_dirs"]])
    if args.unfinished:
        trainings = [training for training in trainings if training.state in UNFINISHED]
    if args.json:
        rows = [dataclasses.asdict(training) | {"folder": str(training.folder)} for training in trainings]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        print(table(trainings) if trainings else "There are no such trainings.")
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
