"""Gathers what the files of a RUN, its work_dir, its config and its data set say."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from segloop.analysis.flat_config import no_value, read_flat_config
from segloop.analysis.report.config_reading import (
    Reason,
    read_reasons,
    split_path,
    value_at,
)
from segloop.analysis.report.goals import Evidence
from segloop.analysis.report.intervals import Triple, headline, scores_with_intervals
from segloop.analysis.run_costs import seconds
from segloop.analysis.runs import Run
from segloop.data.info import FILE_NAME, DatasetInfo, eda_name
from segloop.utils.atomic import read_record
from segloop.utils.errors import DataError, FormatError
from segloop.utils.flags import CONFIGS
from segloop.viz.curves import read_scalars


@dataclass(frozen=True, eq=False)
class Facts:
    """All that a report knows of one RUN; each file is read when it is first asked for.

    `repository` is where the sources of configs are looked for, which `train.json` names by relative paths;
    `given_root` is where the data set lies now, if it was moved; `eda_file` an eda.json that was named;
    `group` says which images hang together.
    """

    run: Run
    repository: Path
    given_root: Path | None = None
    eda_file: Path | None = None
    group: Mapping[str, Any] | None = None
    repeats: int = 1000
    seed: int = 0

    @property
    def name(self) -> str:
        """The experiment and the RUN."""
        return self.run.name

    @property
    def place(self) -> str:
        """The RUN as a command names it: as it was given; an absolute path from `work_dirs` on, if in one."""
        parts = self.run.folder.parts
        if self.run.folder.is_absolute() and "work_dirs" in parts:
            parts = parts[len(parts) - 1 - parts[::-1].index("work_dirs") :]
        return shlex.quote(Path(*parts).as_posix())

    @property
    def work_dir(self) -> Path:
        """Where the training left its files."""
        return self.run.training

    @cached_property
    def train(self) -> dict[str, Any]:
        """`train.json`; empty where there is none."""
        return read_record(self.work_dir / "train.json") or {}

    @cached_property
    def model(self) -> dict[str, Any]:
        """`model.json`; empty where there is none."""
        return read_record(self.work_dir / "model.json") or {}

    @cached_property
    def analysis(self) -> dict[str, Any]:
        """`analysis/analysis.json`; empty where the RUN was not analysed."""
        return read_record(self.run.folder / "analysis" / "analysis.json") or {}

    @cached_property
    def data_root(self) -> Path | None:
        """Where the data set lies, None where it is not there."""
        root = Path(os.path.normpath((self.given_root or self.run.data_root).absolute()))
        return root if root.is_dir() and root != self.run.folder.absolute() else None

    @property
    def data_place(self) -> str:
        """The data set as a command names it: from where the report is made, if it lies below."""
        if self.data_root is None:
            return "DATASET"
        here = Path.cwd()
        below = self.data_root.is_relative_to(here)
        return shlex.quote((self.data_root.relative_to(here) if below else self.data_root).as_posix())

    @cached_property
    def info(self) -> DatasetInfo | None:
        """`dataset.json`, None where there is none, or none that is whole."""
        if self.data_root is None or not (self.data_root / FILE_NAME).is_file():
            return None
        try:
            info = DatasetInfo.read(self.data_root)
        except (DataError, FormatError):
            return None
        if self.given_root is not None:
            self._require_own(info)
        return info

    def _require_own(self, info: DatasetInfo) -> None:
        """Refuse a data set that has no class of the RUN but the background: goals would be another's."""
        background = {info.class_names[info.background]} if info.background is not None else set()
        there, tested = set(info.class_names) - background, set(self.run.class_names) - background
        if there and tested and not there & tested:
            raise DataError(
                f"--data-root {self.given_root} holds {info.name} ({', '.join(sorted(there)[:5])}), and "
                f"{self.name} was tested on {', '.join(sorted(tested)[:5])}."
            )

    @cached_property
    def eda(self) -> dict[str, Any]:
        """`eda.json` of the data set; empty where none is found."""
        places = [self.eda_file] if self.eda_file else []
        if not places and self.data_root is not None:
            name = eda_name(self.data_root)
            places = [base / "eda" / name / "eda.json" for base in (self.work_dir.parent, Path("work_dirs"))]
        return next((found for place in places if (found := read_record(place))), {})

    @cached_property
    def command(self) -> list[str]:
        """The words of the command that trained."""
        return [str(word) for word in self.train.get("command") or ()]

    @property
    def config_word(self) -> str | None:
        """The config, as the training's command named it."""
        return next((word for word in self.command[1:] if word.endswith(CONFIGS)), None)

    @cached_property
    def overrides(self) -> list[str]:
        """What the command that trained set with `--cfg-options`."""
        found: list[str] = []
        inside = False
        for word in self.command:
            if word.startswith("--"):
                inside = word == "--cfg-options"
            elif inside and "=" in word:
                found.append(word)
        return found

    @cached_property
    def config(self) -> dict[str, Any]:
        """The flattened config of the training; that of the test where the training left none."""
        # a training leaves Python, whatever the config was written in
        named = [self.work_dir / f"{Path(self.config_word).stem}.py"] if self.config_word else []
        others = sorted(self.work_dir.glob("*.py"))
        for file in (*named, *others, self.run.folder / "config.py"):
            if file.is_file():
                return read_flat_config(file, code=no_value)
        return {}

    @cached_property
    def config_source(self) -> Path | None:
        """The config with its comments, None where it is not there any more."""
        if self.config_word is None:
            return None
        word = Path(self.config_word)
        places = [word] if word.is_absolute() else [self.repository / word, Path.cwd() / word]
        return next((place for place in places if place.is_file()), None)

    @cached_property
    def reasons(self) -> Mapping[str, Reason]:
        """Why values of the config are what they are, by dotted path."""
        if self.config_source is None:
            return {}
        found = read_reasons(self.config_source, overrides=self.overrides)
        return {
            key: reason
            for key, reason in found.items()
            if reason.holds_for(value_at(self.config, split_path(key)))
        }

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """The logged lines of the training; empty where the log is gone."""
        try:
            return [line for line in read_scalars(self.work_dir) if line["step"] > 0]
        except DataError:
            return []

    @cached_property
    def scores(self) -> dict[str, Triple]:
        """Every score over the set, with its interval."""
        return scores_with_intervals(self.run, group=self.group, repeats=self.repeats, seed=self.seed)

    @property
    def headline(self) -> list[str]:
        """The keys of the scores of no single class, the one that checkpoints are chosen by first."""
        keys = headline(self.scores, self.run.class_names)
        main = self.main_score
        return [*([main] if main in keys else []), *(key for key in keys if key != main)]

    @property
    def main_score(self) -> str | None:
        """The score that the best checkpoint is chosen by; without one, the first."""
        chosen = value_at(self.config, ("default_hooks", "checkpoint", "save_best"))
        if isinstance(chosen, str) and chosen in self.run.scores:
            return chosen
        return next(iter(self.run.scores), None)

    @property
    def train_s(self) -> float | None:
        """The seconds of training, those before a resume too; None where nobody knows."""
        return seconds(self.train, "train_s")

    @property
    def evidence(self) -> Evidence:
        """What goals are judged by."""
        return Evidence(
            name=self.name,
            experiment=Path(self.config_word).stem if self.config_word else self.run.meta["experiment"],
            split=self.run.meta["split"],
            scores=self.run.metrics["scores"],
            image_means=self.run.metrics.get("image_means") or {},
            demo=None if self.info is None else self.info.generator is not None,
            train_s=self.train_s,
        )
