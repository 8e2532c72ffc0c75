"""Start a training again from what its work_dir recorded, and compare: on the same machine it ends the same.

  python tools/rerun.py work_dirs/config_experiment_1            a work_dir, a RUN below it, or a config
  python tools/rerun.py configs/config_experiment_1.py --seed 1  the same with another seed
  python tools/rerun.py work_dirs/a --compare work_dirs/b        train nothing, compare

Refused if data, versions, code, hardware or config are not what they were. Exit code 1: not the same result.
"""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_INTERRUPTED


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="work_dir, RUN below it, or config")
    parser.add_argument("--work-dir", metavar="DIR", help="a new folder (default: <work_dir>-rerun)")
    parser.add_argument("--seed", type=int, metavar="N", help="another seed, and nothing else")
    parser.add_argument(
        "--allow",
        nargs="+",
        default=[],
        choices=["data", "versions", "code", "hardware", "config"],
        metavar="WHAT",
        help="what may differ: data versions code hardware config",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a rerun that was stopped")
    parser.add_argument("--compare", metavar="DIR", help="train nothing; compare with this work_dir")
    parser.add_argument(
        "--unsafe-load", action="store_true", help="load checkpoints that run code: only files you trust"
    )
    return parser.parse_args()


def main() -> int:
    """Train again, and say whether it came out the same."""
    args = parse_args()
    from data_converters.prepare.demos import make_demo
    from segloop.experiments import rerun

    if args.compare:
        from segloop.experiments.comparing import compare

        found = compare(rerun.find_work_dir(args.run), rerun.find_work_dir(args.compare))
        print(found)
        return EXIT_DONE if found.identical else EXIT_FINDINGS
    plan = rerun.plan(
        args.run,
        tool=Path(__file__).with_name("train.py"),
        work_dir=args.work_dir,
        seed=args.seed,
        resume=args.resume,
        unsafe_load=args.unsafe_load,
        make_demo=make_demo,
    )
    rerun.require_same(plan, allow=args.allow)
    code = rerun.start(plan)
    if code == EXIT_INTERRUPTED:
        words = shlex.join(["tools/rerun.py", *sys.argv[1:]]).removesuffix(" --resume")
        print(f"Or, to compare in the end: python {words} --resume", file=sys.stderr)
    return code or rerun.judge(plan)


if __name__ == "__main__":
    run(main)
