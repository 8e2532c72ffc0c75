"""Draw the score against minutes of training, several runs per recipe and several recipes per plot.

  python supplementary/viz/score_curves.py U-Net/ours=work_dirs/a,work_dirs/b U-Net/mmseg=work_dirs/c

Each argument is PLOT/RECIPE=WORK_DIR[,WORK_DIR …]. Validations do not count as training. PLOT/RECIPE@0.97=…
takes 0.97 seconds for each iteration in place of those in the logs, where the machine did other work as well.
"""

from __future__ import annotations

from pathlib import Path

from segloop.utils.cli import Parser, run


def main() -> None:
    """Group the runs and draw them."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="PLOT/RECIPE[@S]=WORK_DIR[,…]")
    parser.add_argument("--score", default="mDice_fg", help="which score (mDice_fg)")
    parser.add_argument("--bar", type=float, metavar="PERCENT", help="a line to compare with")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("score_curves.png"))
    args = parser.parse_args()
    from segloop.viz.curves import draw_by_minutes

    plots: dict[str, dict[str, list[str]]] = {}
    seconds: dict[tuple[str, str], float] = {}
    for text in args.runs:
        name, equals, folders = text.partition("=")
        plot, slash, recipe = name.partition("/")
        if not (equals and slash and folders):
            parser.error(f"{text!r} is not PLOT/RECIPE[@SECONDS]=WORK_DIR[,…]")
        recipe, at, number = recipe.partition("@")
        if at:
            try:
                seconds[plot, recipe] = float(number)
            except ValueError:
                parser.error(f"{number!r} in {text!r} are no seconds")
        plots.setdefault(plot, {})[recipe] = folders.split(",")
    draw_by_minutes(plots, args.out, score=args.score, bar=args.bar, seconds=seconds)
    print(args.out)


if __name__ == "__main__":
    run(main)
