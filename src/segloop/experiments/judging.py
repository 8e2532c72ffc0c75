"""Says which commands train on two versions of a data set, and test each model on the labels of both."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from segloop.data.info import DatasetInfo
from segloop.experiments.records import TRAIN_FILE
from segloop.utils.atomic import read_record
from segloop.utils.errors import UserError, listing
from segloop.utils.flags import without_resume

WORK_DIRS = Path("work_dirs")


@dataclass(frozen=True)
class Step:
    """A command to run, as words behind the interpreter; `makes` is there when it was run to its end."""

    words: tuple[str, ...]
    makes: Path
    title: str

    @property
    def shown(self) -> str:
        """The command as a person types it."""
        return " ".join(("python", *(f"'{word}'" if " " in word else word for word in self.words)))


@dataclass(frozen=True)
class Judgement:
    """All that it takes to say what better labels bring: in order, each step needs those before it."""

    trainings: tuple[Step, ...]
    tests: tuple[Step, ...]
    comparisons: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in their order."""
        return (*self.trainings, *self.tests, *self.comparisons)


def require_own(step: Step) -> None:
    """Refuse to go on with a training that another command began: with other data, settings or seed.

    One that is finished would be taken as it is, and judged as what it is not.
    """
    former = (read_record(step.makes / TRAIN_FILE) or {}).get("command")
    if former and _settings(former) != _settings(step.words):
        raise UserError(
            f"{step.makes} holds a training that was begun otherwise:\n  python {shlex.join(former)}\n"
            f"To be judged is:\n  {step.shown}\nName another place with --work-dirs DIR."
        )


def _settings(words: Sequence[str]) -> list[str]:
    """Return what of a training's command its result follows from, in no order."""
    from segloop.experiments.provenance import command_line

    kept = without_resume(command_line(words[1:]))
    return sorted(word for before, word in pairwise(["", *kept]) if "--device" not in (before, word))


def name_of(root: Path) -> str:
    """Return what a root is called in names of work_dirs: `v2` for a version, `v0` for the set itself.

    >>> name_of(Path("data/ships/versions/2")), name_of(Path("data/ships"))
    ('v2', 'v0')
    """
    is_version = root.parent.name == "versions" and root.name.isdecimal()
    return f"v{root.name}" if is_version else "v0"


def plan_judgement(
    config: str,
    old: Path,
    new: Path,
    *,
    split: str = "test",
    options: Sequence[str] = (),
    seed: int | None = 0,
    out: Path | None = None,
    work_dirs: Path = WORK_DIRS,
) -> Judgement:
    """Return two trainings, four tests (each model on the labels of both) and two comparisons.

    Refused: sets without `dataset.json`, without that split, or with other classes.
    """
    infos = [DatasetInfo.read(root) for root in (old, new)]
    without = [str(root) for root, info in zip((old, new), infos, strict=True) if split not in info.splits]
    if without:
        raise UserError(f"There is no split {split!r} in:\n{listing(without)}")
    if infos[0].class_names != infos[1].class_names:
        told = [
            f"{root}: {', '.join(info.class_names)}" for root, info in zip((old, new), infos, strict=True)
        ]
        raise UserError(
            "The two sets have other classes, so the scores of their models are not the same kind of "
            f"number:\n{listing(told)}"
        )
    if old.resolve() == new.resolve():
        raise UserError(f"{old} and {new} are the same set.")
    names = [name_of(old), name_of(new)]
    if names[0] == names[1]:
        names = ["old", "new"]
    roots = dict(zip(names, (old, new), strict=True))
    stem = Path(config).stem
    seeds = () if seed is None else ("--seed", str(seed))
    folders = {name: work_dirs / f"{stem}-{name}" for name in names}

    def moved(name: str) -> tuple[str, ...]:
        return ("--cfg-options", f"data_root={roots[name]}", *options)

    trainings = [
        Step(
            ("tools/train.py", config, "--resume", "--work-dir", str(folders[name]), *seeds, *moved(name)),
            folders[name],
            f"train on {roots[name]}",
        )
        for name in names
    ]
    tests, comparisons = [], []
    for labels in names:
        places = [work_dirs / f"{stem}-{model}-on-{labels}" for model in names]
        for model, place in zip(names, places, strict=True):
            words = [config, str(folders[model]), "--split", split, "--work-dir", str(place), *moved(labels)]
            tests.append(Step(("tools/test.py", *words), place, f"test {model} on the labels of {labels}"))
        target = (out or work_dirs / "compare" / f"{stem}-{names[0]}-{names[1]}") / f"on-{labels}"
        words = [*map(str, places), "--split", split, "--out", str(target)]
        comparisons.append(
            Step(("tools/compare.py", *words), target, f"compare both on the labels of {labels}")
        )
    return Judgement(tuple(trainings), tuple(tests), tuple(comparisons))
