"""Goals are read strictly, and whether one is done follows from files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.analysis.report.goals import Evidence, Goal, find_goals, judge, read_task
from segloop.utils.errors import FormatError, UserError

ROOT = Path(__file__).resolve().parents[3]
TASKS = ("multiclass", "ships", "spacecraft", "cells", "cityscapes")


def goal(**changes: object) -> Goal:
    return Goal(**({"goal": "it works", "score": "mDice", "bar": 0.75, "split": "test"} | changes))


def run(**changes: object) -> Evidence:
    given = {"name": "net/test", "experiment": "net", "split": "test", "scores": {"mDice": 0.8}}
    return Evidence(**(given | changes))


def test_a_score_over_the_bar_is_done_and_one_on_it_is_not() -> None:
    assert judge(goal(), [run()]).done == "yes"
    assert judge(goal(bar=0.8), [run()]).done == "no"
    assert judge(goal(bar=0.8, op=">="), [run()]).done == "yes"
    assert judge(goal(bar=0.9, op="<"), [run()]).done == "yes"


def test_what_the_runs_cannot_say_is_open() -> None:
    assert judge(goal(), []).why == "no RUN of the split test is given"
    assert judge(goal(), [run(split="val")]).done == "open"
    assert judge(goal(config="other*"), [run()]).why == "no RUN of other* is given"
    assert judge(goal(score="mIoU"), [run()]).why == "net/test has no mIoU (set)"
    assert judge(goal(), [run(scores={"mDice": None})]).done == "open"
    assert judge(goal(data="real"), [run()]).done == "open"
    assert judge(goal(minutes=10), [run()]).why == "how long the training took is not recorded"


def test_scores_on_drawn_data_reach_no_goal_for_real_ones() -> None:
    assert judge(goal(data="real"), [run(demo=True)]).done == "open"
    assert judge(goal(data="real"), [run(demo=False)]).done == "yes"
    assert judge(goal(data="demo"), [run(demo=True)]).done == "yes"


def test_a_training_that_took_too_long_misses_the_goal() -> None:
    assert judge(goal(minutes=10), [run(train_s=600.0)]).done == "yes"
    late = judge(goal(minutes=10), [run(train_s=660.0)])
    assert (late.done, late.why) == ("no", "the training took 11.0 min")


def test_means_of_images_are_asked_for_by_name() -> None:
    found = judge(goal(per="image"), [run(image_means={"mDice": 0.7})])
    assert (found.done, found.value) == ("no", 0.7)


def test_the_best_run_counts() -> None:
    runs = [run(name="a", scores={"mDice": 0.76}), run(name="b"), run(name="c", scores={"mDice": 0.1})]
    found = judge(goal(), runs)
    assert (found.done, found.run, found.value) == ("yes", "b", 0.8)


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "goals.yaml"
    file.write_text(
        "format: 2\ntitel: x\ngoals:\n- goal: a\n  score: mDice\n  bar: 75\n  split: test\n  op: '=>'\n"
        "- done: true\n- 3\n"
    )
    with pytest.raises(FormatError) as error:
        read_task(file)
    for told in (
        "format is 2",
        "unknown key 'titel'",
        "'title'",
        "goal 1: bar 75: scores are fractions",
        "goal 1: op '=>'; choose >, >=, <, <=",
        "goal 2: unknown key 'done'",
        "goal 2: split is missing",
        "goal 3: it holds no keys",
    ):
        assert told in str(error.value)


@pytest.mark.parametrize("text", ["a: [", "- 1"])
def test_what_is_no_goals_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "goals.yaml"
    file.write_text(text)
    with pytest.raises(FormatError):
        read_task(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_task(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", TASKS)
def test_each_task_has_goals(name: str) -> None:
    task = read_task(ROOT / "configs" / name / "goals.yaml")
    assert task.goals
    assert task.problem
    assert task.title


def test_goals_beside_the_data_come_first(tmp_path: Path) -> None:
    configs, data = tmp_path / "configs", tmp_path / "data"
    for file in (configs / "ships/goals.yaml", data / "goals.yaml"):
        file.parent.mkdir(parents=True)
        file.touch()
    assert find_goals("ships", data_root=data, configs=configs) == data / "goals.yaml"
    assert find_goals("ships", data_root=None, configs=configs) == configs / "ships/goals.yaml"
    assert find_goals("cells", data_root=None, configs=configs) is None
    assert find_goals(None, data_root=None, configs=configs) is None
