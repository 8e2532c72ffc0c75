"""The second half of `tools/new_task.py`: looks at a prepared set, proposes an experiment, tries it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from segloop.data.annotations import LabelledImages
from segloop.data.inspection import inspect_set
from segloop.data.statistics import gather
from segloop.experiments.proposal.seen import Seen
from segloop.experiments.proposal.trial import settle
from segloop.experiments.proposal.write import Proposal, propose
from segloop.utils.errors import DataError, UserError
from segloop.viz.dataset_report import write_report

Watch = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]
WIDTH = 12


def new_experiment(
    images: LabelledImages,
    root: Path,
    *,
    name: str,
    kind: str,
    splits: dict[str, int],
    minutes: float,
    watch: Watch,
    trial: bool = True,
    force: bool = False,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Proposal:
    """Look at a prepared set, write configs/<name>, and say what was chosen and what comes next.

    `kind` is `semantic` or `instances`; a config that is there already is left alone without `force`.
    """
    with watch("images counted") as progress:
        found = gather(images, workers=workers, progress=progress)
    folder = Path("work_dirs/eda") / name
    with watch("images drawn") as progress:
        write_report(folder, images, found, name=name, source=str(root), progress=progress)
    with watch("images checked") as progress:
        verdict = inspect_set(images, source=str(root), form=kind, workers=workers, progress=progress)
    say(f"\nThe set on a page: {folder / 'index.html'}")
    kinds = ", ".join(f"{len(each)} {kind}" for kind, each in verdict.by_kind.items())
    say(
        f"The check found {kinds}: python tools/check.py {root}"
        if kinds
        else "The check found nothing wrong."
    )
    _, tally = found.training
    if not tally.objects.sum():
        raise DataError(f"The training images of {root} show no object: there is nothing to learn.")
    largest = max(found.whole.image_sizes, key=lambda hw: hw[0] * hw[1])
    seen = Seen(
        name=name, kind=kind, labels=images.labels, tally=tally, splits=splits, largest_hw=largest, gpu=_gpu()
    )
    proposal = propose(seen, Path("configs") / name, minutes=minutes)
    if proposal.file.exists() and not force:
        raise UserError(f"{proposal.file} is there already; --force writes it anew.")
    if trial:
        proposal = settle(proposal, say=say)
    else:
        proposal.write()
    say("")
    for each in proposal.choices():
        say(f"{each.what:<{WIDTH}}{each.value:<24}  {each.why}")
    tested = "" if "test" in splits else " --split val"
    say(f"\n{proposal.file} {'got through its trial' if trial else 'was not tried'}. Next:")
    say(f"  python tools/train.py {proposal.file}\n  python tools/test.py {proposal.file}{tested}")
    return proposal


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()
