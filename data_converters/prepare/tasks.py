"""The table of tasks: every name that `tools/prepare.py` takes."""

from __future__ import annotations

from data_converters.prepare.base import Task
from segloop.utils.errors import UserError, nearest

TASKS: dict[str, Task] = {
    each.name: each
    for each in (
        Task(
            name="multiclass",
            module="data_converters.prepare.multiclass",
            target="mmseg",
            summary="a class for each pixel; images with labels in any format that is read",
            demo="segloop.data.demo.multiclass",
            read_options=("images", "labels", "list_file", "reduce_zero_label", "mask_folder"),
            any_format=True,
        ),
        Task(
            name="ships",
            module="data_converters.prepare.ships",
            target="mmseg+coco",
            summary="ships seen from above (Airbus Ship Detection, Kaggle)",
            demo="segloop.data.demo.ships",
        ),
        Task(
            name="cells",
            module="data_converters.prepare.cells",
            target="coco",
            summary="cells in phase contrast (Sartorius, Kaggle)",
            demo="segloop.data.demo.cells",
            read_options=("images", "repair"),
        ),
        Task(
            name="cityscapes",
            module="data_converters.prepare.cityscapes",
            target="coco",
            summary="streets (Cityscapes: leftImg8bit and gtFine)",
            demo="segloop.data.demo.cityscapes",
        ),
        Task(
            name="spacecraft",
            module="data_converters.prepare.spacecraft",
            target="mmseg+coco",
            summary="parts of spacecraft (University of Adelaide)",
            demo="segloop.data.demo.spacecraft",
            read_options=("images", "join_groups", "min_area", "color_tolerance"),
        ),
    )
}


def find_task(name: str) -> Task:
    """Return a task by its name."""
    if name not in TASKS:
        raise UserError(
            f"There is no task {name!r}; choose {', '.join(TASKS)}.{nearest(name, TASKS)}\n"
            "A task of your own data: python tools/new_task.py NAME SRC"
        )
    return TASKS[name]
