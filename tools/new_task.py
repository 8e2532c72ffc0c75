"""Make a task of your own data: prepare them, look at them, propose an experiment that runs on this machine.

    python tools/new_task.py steel ~/data/steel
    python tools/new_task.py nuclei stage1_train --from masks --minutes 20
    python tools/new_task.py road scans --labels background crack --licence "CC BY 4.0"

Writes data/NAME (as tools/prepare.py does), a page about them in work_dirs/eda/NAME, and configs/NAME: the
classes, splits, crop, class weights, batch and length that follow from the data, each with its reason. The
config is tried as `tools/train.py --dry-run` does. Exit codes: 0 done, 1 images left out (--skip-bad), 2 a
mistake.
"""

from __future__ import annotations

from data_converters.prepare.new_task import parse_args, prepare_source
from segloop.utils.cli import run
from segloop.utils.progress import counted


def main() -> int:
    """Prepare, look, propose, try, and say what comes next."""
    args = parse_args(__doc__ or "")
    root, kind, code = prepare_source(args)
    from data_converters.base import ReadOptions
    from data_converters.formats import FORMATS
    from segloop.data.info import DatasetInfo
    from segloop.experiments.proposal.command import new_experiment

    reader = FORMATS["mmseg" if kind == "semantic" else "coco"]
    images = reader.read(root, options=ReadOptions())
    new_experiment(
        images,
        root,
        name=args.name,
        kind=kind,
        info=DatasetInfo.read(root),
        fullest=getattr(images.keys, "fullest", 0),
        minutes=args.minutes,
        trial=not args.no_trial,
        force=args.force,
        workers=args.workers,
        watch=counted,
    )
    return code


if __name__ == "__main__":
    run(main)
