"""The second half of `tools/new_task.py`: looks at a prepared set, proposes an experiment, tries it."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from segloop.data.annotations import LabelledImages
from segloop.data.info import DatasetInfo
from segloop.data.inspection import inspect_set
from segloop.data.inspection.findings import KINDS
from segloop.data.statistics import gather
from segloop.experiments.proposal.sample import SEED, Files, draw
from segloop.experiments.proposal.seen import Seen
from segloop.experiments.proposal.trial import settle
from segloop.experiments.proposal.write import Proposal, propose
from segloop.utils.errors import DataError, UserError
from segloop.viz.dataset_report import write_report

AUTHORS = "the author's own"  # how dataset.json begins to tell of splits that nobody cut
ALIKE = ("leak", "turned-leak", "copies")
GPU_DEVICES = ("nvidia*", "nvhost*", "nvgpu*", "nvmap", "dxg", "kfd")  # CUDA's, WSL's and ROCm's
Watch = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]
WIDTH = 12


def new_experiment(
    images: LabelledImages,
    root: Path,
    *,
    name: str,
    kind: str,
    info: DatasetInfo,
    minutes: float,
    watch: Watch,
    fullest: int = 0,
    trial: bool = True,
    force: bool = False,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Proposal:
    """Look at a prepared set, write configs/<name>, and say what was chosen and what comes next.

    `kind` is `semantic` or `instances`; a config that is there already is left alone without `force`. Of a
    large set a sample is looked at; `fullest` is the most objects that any image of the whole holds.
    """
    splits = dict(info.splits)
    with watch("image sizes read") as progress:
        files = Files.of(root, info, progress=progress)
    some = draw(images, files.enough())
    folder = Path("work_dirs/eda") / name
    with watch("images counted") as progress:
        found = gather(some, workers=workers, progress=progress)
    with watch("images drawn") as progress:
        write_report(folder, some, found, name=name, source=str(root), progress=progress)
    say(f"\nThe set on a page: {folder / 'index.html'}")
    whole = len(some) == len(images)
    _check(some, root, kind, files, info, whole=whole, workers=workers, watch=watch, say=say)
    _, tally = found.training
    if not tally.objects.sum():
        raise DataError(f"The training images of {root} show no object: there is nothing to learn.")
    seen = Seen(
        name=name,
        kind=kind,
        labels=images.labels,
        tally=tally,
        splits=splits,
        largest_hw=files.largest_hw,
        gpu=_gpu(),
        fullest=0 if whole else fullest,
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


def _check(
    some: LabelledImages,
    root: Path,
    kind: str,
    files: Files,
    info: DatasetInfo,
    *,
    whole: bool,
    workers: int | None,
    watch: Watch,
    say: Callable[[str], None],
) -> None:
    """Check what is looked at, and say what was found; splits of the author's are compared as a whole."""
    with watch("images checked") as progress:
        verdict = inspect_set(
            some, source=str(root), form=kind, whole=whole, workers=workers, progress=progress
        )
    findings, but = list(verdict.findings), ""
    if not whole and AUTHORS in (info.cut or ""):
        with watch("images compared") as progress:
            alike = files.alike(workers=workers, progress=progress)
        findings = [each for each in findings if each.kind not in ALIKE] + alike
        but = ", but for pictures that look alike, found among all"
    counts = Counter(each.kind for each in findings)
    kinds = ", ".join(f"{counts[each]} {each}" for each in KINDS if counts[each])
    place = shlex.quote(str(root))
    command = f"python tools/check.py {place}"
    if not whole:
        say(
            f"It shows a sample, {len(some):,} of the {len(files.files):,} images, drawn with seed {SEED}; "
            f"so does the check{but}. The whole set: python tools/eda.py {place}"
        )
    say(f"The check found {kinds}: {command}" if kinds else "The check found nothing wrong.")


def _gpu() -> bool:
    if sys.platform == "linux" and not any(any(Path("/dev").glob(name)) for name in GPU_DEVICES):
        return False  # without seconds of torch's import, which the trial does in a process of its own
    import torch

    return torch.cuda.is_available()
