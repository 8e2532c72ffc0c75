"""Send labels to CVAT to be mended, and bring them back with nothing lost.

    python tools/cvat.py push data/ships --split test --images worst.txt --run work_dirs/unet_dropout_ships
    python tools/cvat.py status work_dirs/cvat/ships
    python tools/cvat.py pull work_dirs/cvat/ships
    python tools/cvat.py diff data/ships work_dirs/cvat/ships
    python tools/cvat.py apply data/ships work_dirs/cvat/ships

Killed anywhere and repeated, push goes on and makes no second copy; what it brought is pulled back and
compared pixel for pixel. Who you are: CVAT_HOST with CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD.
`cvat.py push --help` tells the flags of a command. Exit codes: 0 done, 1 tasks that people worked on were
left as they are, 2 a mistake or a server that refuses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from data_converters import cvat_loop
from segloop.cvat import commands, label_commands
from segloop.utils.cli import Parser, run
from segloop.utils.errors import nearest


def predicted(target: str, images: Any, score_thr: float) -> Any:
    """Return what a RUN predicted for the images of a set."""
    from segloop.analysis.predicted_set import predicted_set
    from segloop.analysis.runs import read_run

    return predicted_set(read_run(target), images, score_thr=score_thr)


def predicting(target: str) -> Any:
    """Return what draws a RUN's prediction of an image in the classes of two sets."""
    from segloop.analysis.runs import read_run
    from segloop.cvat.found_maps import FoundMaps

    return FoundMaps(read_run(target))


# Command: what takes the words behind it, and returns the exit code.
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "push": lambda words: commands.push(words, __doc__ or "", cvat_loop, predicted),
    "status": lambda words: commands.status(words, __doc__ or "", cvat_loop),
    "pull": lambda words: commands.pull(words, __doc__ or "", cvat_loop),
    "diff": lambda words: label_commands.diff(words, __doc__ or "", cvat_loop, predicting),
    "apply": lambda words: label_commands.apply(words, __doc__ or "", cvat_loop),
}


def main() -> int:
    """Hand the command line to its command."""
    words = sys.argv[1:]
    parser = Parser(__doc__)
    parser.add_argument("command", choices=list(COMMANDS), help="what to do; each has its own --help")
    if not words or words[0] in ("-h", "--help"):
        parser.parse_args(words or ["--help"])
    if words[0] not in COMMANDS:
        parser.error(f"{words[0]!r} is none of {', '.join(COMMANDS)}.{nearest(words[0], COMMANDS)}")
    return COMMANDS[words[0]](words[1:])


if __name__ == "__main__":
    run(main)
