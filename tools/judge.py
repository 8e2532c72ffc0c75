"""Train on two versions of a data set and judge both models on the labels of both.

    python tools/judge.py configs/config_experiment_2.py data/multiclass data/multiclass/versions/1
    python tools/judge.py CONFIG OLD NEW --cfg-options train_cfg.max_iters=400 --show

Runs two trainings, four tests and two comparisons, with the same seed and settings; what is done already is
not done again. Writes work_dirs/<config>-v0, -v1, their RUNs in <config>-v1-on-v0 …, and the pages
work_dirs/compare/<config>-v0-v1/on-v0 and on-v1.
"""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path

from segloop.utils.cli import Parser, run
from segloop.utils.errors import EXIT_DONE, EXIT_INTERRUPTED
from segloop.utils.processes import run_to_end


def parse_args() -> Namespace:
    """Read the command line."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("old", type=Path, metavar="OLD", help="data set, or a version of it")
    parser.add_argument("new", type=Path, metavar="NEW", help="a later version of its labels")
    parser.add_argument("--split", default="test", metavar="NAME", help="which split judges (test)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of both trainings (0)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="for all of them")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--work-dirs", type=Path, default=Path("work_dirs"), metavar="DIR", help="(work_dirs)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the comparisons go")
    parser.add_argument("--show", action="store_true", help="only show the commands")
    return parser.parse_args()


def main() -> int:
    """Run the commands one by one, each shown before; the first that fails ends it."""
    args = parse_args()
    from segloop.experiments.config import find_config
    from segloop.experiments.judging import plan_judgement, require_own

    found = plan_judgement(
        str(find_config(args.config)),
        args.old,
        args.new,
        split=args.split,
        options=args.cfg_options,
        seed=args.seed,
        out=args.out,
        work_dirs=args.work_dirs,
    )
    for step in () if args.show else found.trainings:
        require_own(step)
    device = ("--device", args.device) if args.device else ()
    tools = Path(__file__).resolve().parent
    for step in found.steps:
        print(f"\n# {step.title}\n{step.shown}", flush=True)
        if args.show:
            continue
        name, *words = step.words
        extra = () if "compare" in name else device
        code = run_to_end([sys.executable, str(tools / Path(name).name), *words, *extra])
        if code == EXIT_INTERRUPTED:
            again = shlex.join(["tools/judge.py", *sys.argv[1:]])
            print(f"Or, to go on with all of it: python {again}", file=sys.stderr)
        if code:
            return code
    if not args.show:
        print("\nThe gain, with intervals, on the labels of each version:")
        print("\n".join(f"  {step.makes / 'index.html'}" for step in found.comparisons))
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
