"""What the sections of a report are made from: the facts of its RUNs, the task, the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from segloop.analysis.report.bibliography import Reference
from segloop.analysis.report.facts import Facts
from segloop.analysis.report.goals import Goal, Task, Verdict, judge


@dataclass(frozen=True)
class Repository:
    """Where the code is and what it is called, as CITATION.cff, pyproject.toml and git say."""

    name: str = ""
    version: str = ""
    licence: str = ""
    url: str = ""


@dataclass(frozen=True, eq=False)
class Contents:
    """A report before it is written; the first RUN is the one that it is about."""

    runs: Sequence[Facts]
    task: Task = field(default_factory=Task)
    repository: Repository = field(default_factory=Repository)
    references: Mapping[str, Reference] = field(default_factory=dict)

    @property
    def first(self) -> Facts:
        """The RUN that data, network and training are told of."""
        return self.runs[0]

    @cached_property
    def verdicts(self) -> list[tuple[Goal, Verdict]]:
        """Each goal, and whether the RUNs reach it."""
        evidence = [facts.evidence for facts in self.runs]
        return [(goal, judge(goal, evidence)) for goal in self.task.goals]

    def known(self, *keys: str) -> list[str]:
        """Return those of the keys that references.bib has."""
        return [key for key in keys if key in self.references]
