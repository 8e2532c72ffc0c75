"""What a run will take follows from its schedule and what its first steps took."""

from __future__ import annotations

from typing import Any

import pytest

from segloop.experiments.dry_run.estimate import (
    Cost,
    Disk,
    Memory,
    Schedule,
    cost,
    disk_row,
    log_bytes,
    memory_advice,
    memory_row,
    time_row,
    waiting_rows,
)
from segloop.experiments.dry_run.report import BAD, GOOD, NOTE
from segloop.utils.workers import cpu_count

GB = 10**9


def schedule(loop: dict[str, Any], *, start: int = 0, steps: int = 100, per_epoch: int = 10) -> Schedule:
    return Schedule.of(loop, start=start, steps=steps, per_epoch=per_epoch)


@pytest.mark.parametrize(
    ("loop", "start", "validations"),
    [
        ({"max_iters": 100, "val_interval": 25}, 0, 4),
        ({"max_iters": 100, "val_interval": 25}, 50, 2),
        ({"max_iters": 100, "val_interval": 30}, 0, 4),  # 30 60 90, and the end
        ({"max_iters": 100, "val_interval": 25, "val_begin": 60}, 0, 2),
        ({"max_iters": 100, "val_interval": 50, "dynamic_intervals": [(80, 5)]}, 0, 6),  # 50 80 85 90 95 100
        ({"max_iters": 100}, 0, 1),  # mmengine's interval is 1000
        ({"max_epochs": 10, "val_interval": 3}, 0, 4),
        ({"max_epochs": 10}, 35, 7),
        ({"max_epochs": 10, "dynamic_intervals": [(8, 2)], "val_interval": 5}, 0, 3),  # 5 8 10
    ],
)
def test_validations_are_counted_as_the_loop_makes_them(
    loop: dict[str, Any], start: int, validations: int
) -> None:
    assert schedule(loop, start=start).validations == validations


def test_no_validation_costs_nothing() -> None:
    loop = {"max_iters": 100, "val_interval": 25}
    assert Schedule.of(loop, start=0, steps=100, per_epoch=10, validates=False).validations == 0


def test_checkpoints_are_counted() -> None:
    assert schedule({"max_iters": 100}).saves(30, by_epoch=False) == 4  # the last one too
    assert schedule({"max_iters": 100}, start=60).saves(30, by_epoch=False) == 2
    assert schedule({"max_epochs": 10}).saves(2, by_epoch=True) == 5
    assert schedule({"max_epochs": 10}).saves(-1, by_epoch=True) == 1
    assert schedule({"max_iters": 100}).saves(1, by_epoch=True) == 1  # the loop is one epoch long


def test_the_loops_of_mmengine_validate_as_often() -> None:
    from bisect import bisect

    for interval, begin, dynamic in ((7, 1, []), (10, 30, [(50, 3)]), (9, 1, [(20, 4), (70, 11)])):
        milestones, intervals = [0, *(m for m, _ in dynamic)], [interval, *(i for _, i in dynamic)]
        done = 0
        for step in range(1, 101):  # IterBasedTrainLoop: _decide_current_val_interval, then the question
            every = intervals[bisect(milestones, step + 1) - 1]
            done += step >= begin and (step % every == 0 or step == 100)
        loop = {"max_iters": 100, "val_interval": interval, "val_begin": begin, "dynamic_intervals": dynamic}
        assert schedule(loop).validations == done


def test_the_time_is_that_of_all_parts() -> None:
    taken = cost(
        steps=[2.0, 4.0],
        waits=[0.5, 0.5],
        batches=[9.0, 1.0, 1.0],  # the first has a warm-up in it
        val_batches=20,
        scores_s=10.0,
        save_s=1.0,
        start_s=6.0,
    )
    assert (taken.step, taken.validation) == (3.0, 30.0)
    plan = schedule({"max_iters": 100, "val_interval": 50})
    row = time_row(plan, taken, saves=2)  # 300 + 2 x 30 + 4 x 1 + 6
    assert row.text == "about 6 min: 100 steps x 3.0 s, 2 validations x 30 s, 4 saves x 1.0 s, start 6.0 s"


def test_waiting_for_data_is_told() -> None:
    slow = Cost(step=1.0, wait=0.5, validation=0, save=0, start=0)
    (row,) = waiting_rows(slow, workers=0)
    assert (row.mark, "50 % of a step" in row.text, "num_workers (now 0)" in row.text) == (NOTE, True, True)
    (row,) = waiting_rows(slow, workers=cpu_count())
    assert "all cores are busy" in row.text
    assert not list(waiting_rows(Cost(step=1.0, wait=0.1, validation=0, save=0, start=0), workers=0))


def memory(**changes: Any) -> Memory:
    plain = {"peak": 4 * GB, "settled": 1 * GB, "free": 10 * GB, "batch_size": 8}
    return Memory(**{**plain, **changes})


def test_memory_that_fits_is_fine() -> None:
    row = memory_row(memory(loaders=GB, kept=GB), workers=2)
    assert row.mark == GOOD
    assert row.text.startswith(
        "6.0 GB: 4.0 GB at the most in a step, 1.0 GB in 2 loader processes, 1.0 GB of"
    )


def test_memory_that_does_not_fit_says_what_to_lower() -> None:
    row = memory_row(memory(free=3 * GB), crops=["train_dataloader.dataset.pipeline.1.size"])
    assert row.mark == BAD
    # of 2.7 GB, 1 GB stays; each of the 8 images takes 3/8 GB
    assert row.below[0] == "→ --cfg-options train_dataloader.batch_size=4 (now 8)"
    assert "pipeline.1.size" in row.below[1]
    assert memory_row(memory(free=int(4.2 * GB))).mark == NOTE
    assert "fewer" in memory_row(memory(free=3 * GB, loaders=2 * GB), workers=4).below[-1]
    assert "not known" in memory_row(memory(free=0)).text


def test_a_batch_of_one_has_no_smaller_one() -> None:
    assert "batch_size" not in memory_advice("train_dataloader", 1)[0]
    assert memory_advice("train_dataloader", 4)[0].endswith("batch_size=… (now 4)")
    assert memory_advice("train_dataloader", 4, fitting=0)[0].endswith("batch_size=1 (now 4)")


def disk(**changes: Any) -> Disk:
    plain: dict[str, Any] = {"checkpoint": GB, "saves": 10, "keep": 3, "best": GB // 4, "bests": 1}
    return Disk(**{**plain, "logs": 0, "free": 100 * GB, "where": "/x", **changes})


def test_disk_that_fits_is_fine() -> None:
    row = disk_row(disk())
    assert row.mark == GOOD
    assert row.text.startswith("4.2 GB at the most: 3 checkpoints x 1.0 GB, best 250 MB, one more while")
    assert disk(keep=1).kept == 2  # our hook keeps two at least
    assert disk(keep=-1).total == 10 * GB + GB // 2


def test_disk_that_does_not_fit_says_what_to_lower() -> None:
    row = disk_row(disk(keep=-1, free=5 * GB))
    assert row.mark == BAD
    assert "max_keep_ckpts=2" in row.below[0]
    assert "save_optimizer=False" in row.below[1]
    assert disk_row(disk(free=int(4.4 * GB))).mark == NOTE


def test_logs_grow_with_the_lines() -> None:
    plan = schedule({"max_iters": 100, "val_interval": 50})
    assert log_bytes(plan, interval=10) - log_bytes(plan, interval=100) == 9 * 1200
