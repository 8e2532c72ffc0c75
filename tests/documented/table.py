"""What a test types for what pages leave open, and how it keeps long commands short: a table to extend.

A new placeholder in a document: `STANDS_FOR`, or its page in `PAGES` if it means something else there. A
page that presumes data, a model or files: the names of pieces (`stock.py`) in `presumes`. A command that
nobody can type: `EXCEPTIONS`, with the reason. A page without an entry presumes nothing.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.documented.by_hand import export, find_all, finish_jobs, forget, list_images, remove
from tests.documented.stock import CRAFT, MODEL, ONE, RUN_1, RUN_2, RUN_3, SHIPS, TWO

if TYPE_CHECKING:
    from tests.documented.sandbox import Sandbox


# On any page. `$PORT` is free on this machine.
STANDS_FOR = {
    "CONFIG": f"configs/{TWO}.py",
    "CHECKPOINT": f"{MODEL}.pth",
    "RUN": RUN_2,
    "DATASET": "data/multiclass",
    "TASK SRC": "ships downloads/airbus-ship-detection",
    "SRC DST --from F --to F": "data/multiclass converted.zip --from mmseg --to cvat",
    "/mnt/data": "elsewhere",
    "127.0.0.1:8000": "127.0.0.1:$PORT",
    "iter_500.pth": "iter_2.pth",
    "mDice_fg_iter_400": "mDice_fg_iter_2",
}


@dataclass(frozen=True)
class Page:
    """What one page presumes, and what its own placeholders stand for; a part of a command names it."""

    presumes: tuple[str, ...] = ()
    stands_for: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Callable[[Sandbox], object]] = field(default_factory=dict)  # what people do by hand
    codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # exit codes that the page announces
    writes: tuple[str, ...] = ()  # what is there at the end, beside what flags name
    cvat: bool = False  # a server is there


PAGES: dict[str, Page] = {
    "README.md": Page(
        presumes=(
            *("installed", "multiclass", "tested 1", "photos", "steel", "resnet50", "downloaded cells"),
            *("tested 2", "tested ships", "version of shore"),
        ),
        stands_for={
            "NAME SRC": "mine neu_seg",
            "[--resume [CKPT]]": "",
            "[CKPT] [--split val]": "--split val",
            "[CKPT]": "",
            "TASK SRC": "cells downloads/sartorius",
            "tune.py RUN": f"tune.py work_dirs/{SHIPS.rpartition('/')[2]}",
            "analyze.py RUN": f"analyze.py work_dirs/{TWO}",
            "INPUT… --to F --out OUT": "photos --to mmseg --out predicted",
            "MODEL.onnx": f"{MODEL}.onnx",
            "RUN…": RUN_2,
            "RUN RUN…": f"{RUN_1} {RUN_2}",
            "LIST": "worst.txt",
            "OLD LOOP": "data/multiclass data/multiclass/versions/1",
            "OLD NEW": "data/multiclass data/multiclass/versions/1",
            "RUN RUN": f"{RUN_1} {RUN_2}",
        },
        before={
            "predict.py RUN INPUT": lambda box: box.run(f"python tools/test.py configs/{TWO}.py"),
            "cvat.py push": lambda box: list_images(box, "data/multiclass", "test", "worst.txt"),
        },
        cvat=True,
    ),
    "docs/analyze.md": Page(
        presumes=("tested 1", "tested 2", "elsewhere", "tested craft"),
        stands_for={
            "planted_objects.py RUN": f"planted_objects.py work_dirs/{CRAFT.rpartition('/')[2]}",
            "RUN RUN": f"{RUN_1} {RUN_2}",
        },
        writes=(f"{RUN_2}/analysis/index.html", "relabel.zip"),
    ),
    "docs/app.md": Page(
        presumes=("installed", "elsewhere", "analyzed 2"),
        stands_for={"/mnt/runs": "work_dirs", "pip install -e .[app] && ": ""},
    ),
    "docs/browse.md": Page(
        presumes=("analyzed 2",), writes=(f"work_dirs/{ONE}/browse/train/index.html", "seen/index.html")
    ),
    "docs/check.md": Page(presumes=("multiclass", "ships", "cvat export", "steel", "nuclei")),
    "docs/checkpoints.md": Page(
        presumes=("trained 1", "trained 2"),
        stands_for={"work_dirs/x/iter_2000.pth": f"work_dirs/{TWO}/iter_2.pth", "DIR": f"work_dirs/{ONE}"},
        writes=(f"work_dirs/{ONE}/published/README.md", "releases/x/config.py"),
    ),
    "docs/compare.md": Page(
        presumes=("tested 1", "tested 2", "tested 3"),
        stands_for={"RUN RUN RUN": f"{RUN_1} {RUN_2} {RUN_3}"},
        writes=("work_dirs/compare/three/index.html",),
    ),
    "docs/cvat.md": Page(
        presumes=("ships",),
        stands_for={
            "CVAT_HOST=https://cvat.example.org CVAT_ACCESS_TOKEN=…": "CVAT_ACCESS_TOKEN=token-of-anna",
            "--port 8080": "--port $PORT",
        },
        before={
            "push": lambda box: list_images(box, "data/ships", "test", "worst.txt"),
            "pull": finish_jobs,
        },
        writes=("data/ships/versions/1/dataset.json",),
        cvat=True,
    ),
    "docs/data.md": Page(presumes=("downloaded ships",), writes=("data/ships/dataset.json",)),
    "docs/dry-run.md": Page(presumes=("trained 2",)),
    "docs/eda.md": Page(
        presumes=("multiclass", "unpacked ships", "nuclei"),
        writes=("work_dirs/eda/multiclass/index.html", "work_dirs/eda/ships/eda.json"),
    ),
    "docs/cvat-labels.md": Page(
        presumes=("pulled ships", "version of shore", "trained ships"),
        stands_for={
            "CONFIG data": f"configs/{SHIPS}.py data",
            "work_dirs/CONFIG-v1": f"work_dirs/{TWO}-v1",
            "--to-files loop": "--to-files loop --chunk 2",  # two tasks, as the page has them
        },
        before={
            "push": lambda box: list_images(box, "data/ships", "train", "worst.txt"),
            "pull": lambda box: export(box.folder, "loop", "task1.zip", "task2.zip"),
        },
        writes=("data/ships/versions/1/dataset.json", f"work_dirs/{TWO}-v1/train.json"),
    ),
    "docs/dvc.md": Page(presumes=("git", "cells in dvc")),
    "docs/experiments.md": Page(presumes=("multiclass", "spacecraft")),
    "docs/export.md": Page(
        presumes=("trained 1", "trained 2", "photos", "exported 2"),
        stands_for={"CONFIG work_dirs": f"configs/{ONE}.py work_dirs"},
        writes=(f"{MODEL}.onnx",),
    ),
    "docs/formats.md": Page(presumes=("multiclass",), writes=("converted.zip",)),
    "docs/instance-scores.md": Page(
        presumes=("trained craft",), stands_for={"CONFIG": f"configs/{CRAFT}.py"}
    ),
    "docs/instances.md": Page(
        presumes=("spacecraft", "cells", "livecell"),
        stands_for={
            "CONFIG": f"configs/{CRAFT}.py",
            "DATASET": "data/cells",
            "iter_40000.pth": "iter_1.pth",
        },
    ),
    "docs/losses.md": Page(presumes=("multiclass", "spacecraft")),
    "docs/performance.md": Page(
        presumes=("trained 2", "spacecraft", "photos"), stands_for={"--images …": "--images photos"}
    ),
    "docs/predict.md": Page(
        presumes=("trained 2", "photos", "unpacked ships", "tested ships"),
        stands_for={"RUN": f"work_dirs/{SHIPS.rpartition('/')[2]}"},
    ),
    "docs/prepare.md": Page(
        presumes=("downloaded ships",),
        stands_for={"TASK --demo": "cells --demo"},
        writes=("data/ships/dataset.json", "data/cells/dataset.json"),
    ),
    "docs/report.md": Page(
        presumes=("tested 1", "tested 2", "elsewhere", "goals and look"),
        stands_for={"RUN RUN": f"{RUN_1} {RUN_2}"},
        writes=(f"{RUN_1}/report.html", "reports/multiclass.md", f"{RUN_2}/report.md"),
    ),
    "docs/reproduce.md": Page(
        presumes=("trained 1",),
        stands_for={"RUN": f"work_dirs/{TWO}", "DIR": f"work_dirs/{TWO}-rerun", "in 1 2 3 4 5": "in 1 4"},
        writes=(f"work_dirs/{ONE}-rerun/train.json", f"work_dirs/{TWO}-fold4of5/test"),
    ),
    "docs/resume.md": Page(presumes=("multiclass",), writes=(f"work_dirs/{ONE}/train.json",)),
    "docs/serve.md": Page(
        presumes=("trained 2", "photos", "exported 2"),
    ),
    "docs/tasks/cells.md": Page(
        presumes=("downloaded cells",),
        before={
            "results.json": lambda box: find_all(box.folder, "data/cells/annotations/instances_test.json"),
            "--demo": lambda box: forget(box.folder, "data/cells"),
        },
        writes=("data/cells/dataset.json", "submission.csv"),
    ),
    "docs/tasks/cityscapes.md": Page(
        presumes=("downloaded streets",),
        before={
            "results.json": lambda box: find_all(
                box.folder, "data/cityscapes/annotations/instances_val.json"
            ),
            "--demo": lambda box: forget(box.folder, "data/cityscapes"),
        },
        writes=("data/cityscapes/dataset.json", "data/cityscapes-19/dataset.json", "results"),
    ),
    "docs/tasks/multiclass.md": Page(
        presumes=("steel",),
        stands_for={"SRC": "neu_seg"},
        before={
            "SRC": lambda box: remove(box.folder, "data/multiclass"),
            "--demo": lambda box: forget(box.folder, "data/multiclass"),
        },
        writes=("data/multiclass/dataset.json", "data/defects/dataset.json"),
    ),
    "docs/tasks/ships.md": Page(
        presumes=("unpacked ships",),
        stands_for={"iter_40000": "iter_2"},
        before={"--demo": lambda box: forget(box.folder, "data/ships")},
        writes=(
            "work_dirs/unet_dropout_ships/thresholds.json",
            "from_pictures.csv",
            "data/ships-large/dataset.json",
        ),
    ),
    "docs/tasks/spacecraft.md": Page(
        presumes=("downloaded satellites",),
        stands_for={"downloads/spacecrafts": "downloads/SatelliteDataset"},
        before={"--demo": lambda box: forget(box.folder, "data/spacecraft", "data/spacecraft_whole")},
        writes=("data/spacecraft_whole/dataset.json", "data/spacecraft_large/dataset.json"),
    ),
    "docs/trackers.md": Page(
        presumes=("multiclass",), stands_for={"FOLDER": f"work_dirs/{TWO}/*/vis_data/dvclive"}
    ),
    "docs/tune.md": Page(
        presumes=("trained ships",), writes=("work_dirs/unet_dropout_ships_demo/thresholds.json",)
    ),
    "docs/your-data.md": Page(
        presumes=("steel", "nuclei"),
        stands_for={
            "data/NAME": "data/nuclei",
            "CVAT_HOST=http://127.0.0.1:8080 CVAT_USERNAME": "CVAT_USERNAME",
        },
        before={
            "cvat.py push": lambda box: list_images(box, "data/steel", "val", "look.txt"),
            "cvat.py pull": finish_jobs,
        },
        writes=(
            "work_dirs/eda/steel/index.html",
            "data/steel/versions/1/dataset.json",
            "work_dirs/compare/index.html",
        ),
        cvat=True,
    ),
    "docs/tour.md": Page(
        presumes=("photos",),
        writes=(
            "work_dirs/eda/multiclass/index.html",
            f"{RUN_2}/metrics.json",
            f"{RUN_2}/analysis/index.html",
            f"{RUN_2}/report.html",
        ),
    ),
}

# Exit codes of tools that end with others than 0 when nothing is wrong with the command.
CODES = {
    "tools/check.py": (0, 1),  # findings
    "benchmarks/mask_iou_speed.py": (0, 1),  # what it claims does not hold for a few small cells
    "benchmarks/ships_baseline.py": (0, 1),  # nor its limits for a few small tiles
    "--resume --dry-run": (0, 1),  # a finished training has nothing to go on with
}

# What no test types: a pattern of the command, and why.
EXCEPTIONS = {
    r"(pip|docker|kaggle|csDownload) [^&]*": "reaches for a network",
    r"git clone .*": "the sandbox is a copy",
    r"unzip .*": "the drawn downloads lie unpacked",
    r"make test(-all)?": "is what runs this test",
    r"dvc repro report@TASK": "docs/dvc.md types it, with a task",
    r".*OTHER/bin/python": "needs an environment whose mmcv has compiled operators",
    r"dvc init .*": "what mmengine's own backend does, told as a fault",
    r"dvc (add|repro)": "named, not told to be typed as it is",
    r"CITYSCAPES_DATASET=.*": "is Cityscapes' own program, which is not installed",
}
# What a command needs that not everybody has installed; without it, it is not typed.
NEEDS = {
    r".*LocalMLflow.*": "mlflow",
    r".*OfflineWandb.*": "wandb",
    r".*DVCLive.*|.*FOLDER/plots.*": "dvclive",
    r"dvc .*": "dvc",
    r".*streamlit .*|.*make app": "streamlit",
    r".*(screenshots|app_pictures|app_speed)\.py.*": "a Chromium",
    r".*\.onnx.*|.*tools/export\.py.*": "onnxruntime",
    r"python tools/serve\.py .*|curl .*": "uvicorn",
}

# How long commands are kept short: flags that are set in place of those that they have; "" is a bare word.
TRAINING = (
    "train_cfg.max_iters=2",
    "train_cfg.val_interval=2",
    "train_dataloader.batch_size=2",
    "train_dataloader.num_workers=0",
)
ONCE = "train_cfg.max_iters=1 train_cfg.val_interval=1 train_dataloader.batch_size=1"  # for large networks
SHORT: dict[str, dict[str, str]] = {
    "tools/serve.py": {"--port": "$PORT"},
    "tools/train.py": {"--cfg-options": " ".join(TRAINING)},
    "tools/train.py configs/cells/mask-rcnn_r50_fpn_livecell.py": {"--cfg-options": ONCE},
    "tools/train.py configs/cells/mask-rcnn_r50_fpn_cells.py": {"--cfg-options": ONCE},
    "tools/judge.py": {"--cfg-options": " ".join(TRAINING)},
    "tools/new_task.py": {"--minutes": "1"},
    "tools/prepare.py --demo": {"--count": "24", "--size": "64"},
    "supplementary.cvat.demo": {
        "--count": "train=12 val=4 test=8",
        "--iters": "2",
        "--share": "0.6",
        "--relabel": "1",  # all images: after two iterations no suspect is one
        "--cfg-options": "train_dataloader.batch_size=2 train_dataloader.num_workers=0",
    },
    "benchmarks/ablation.py": {"--iterations": "1", "--seeds": "0", "--only": "'the recipe'"},
    "benchmarks/app_speed.py": {"--images": "60", "--size": "64", "--classes": "3"},
    "benchmarks/check_recall.py": {"--most": "4"},
    "benchmarks/counting_speed.py": {"--size": "64", "--repeats": "1"},
    "benchmarks/eda_speed.py": {"--images": "8", "--size": "64x64"},
    "benchmarks/int8.py": {"--images": "2"},
    "benchmarks/losses_speed.py": {"--turns": "1"},
    "benchmarks/mask_iou_speed.py": {"--cells": "5", "--size": "64 64", "--rounds": "1"},
    "benchmarks/planted_objects.py": {"--seeds": "0"},
    "benchmarks/predict_speed.py": {"--count": "1", "--turns": "1"},
    "benchmarks/report_speed.py": {"--images": "4", "--size": "32", "--classes": "3"},
    "benchmarks/serve_load.py": {"--seconds": "0.1"},
    "benchmarks/strict_zoo.py": {"--repo": "mmseg", "": "unet"},
    # minutes; slow tests in tests/data/demo measure the same
    "benchmarks/cells_baseline.py": {"--help": ""},
    "benchmarks/streets_baseline.py": {"--help": ""},
    "benchmarks/demo_difficulty.py": {"--help": ""},
    "benchmarks/train_speed.py": {
        "--turns": "1",
        "--iterations": "1",
        "--cfg-options": "train_dataloader.batch_size=2",
    },
    "benchmarks/tune_speed.py": {"--images": "2", "--objects": "5"},
    "benchmarks/zoo.py": {"--only": "unet/unet-s5-d16_fcn_4xb4-40k_chase-db1-128x128"},
}


def shortened(words: list[str]) -> list[str]:
    """Return a Python command with the flags of `SHORT`; of `--cfg-options` the keys are merged.

    >>> shortened(["tools/train.py", "c.py", "--cfg-options", "a=1", "train_cfg.max_iters=9"])[:4]
    ['tools/train.py', 'c.py', '--cfg-options', 'a=1']
    """
    for key, flags in SHORT.items():
        tool, *needed = key.split()
        if tool in words[:2] and set(needed) <= set(words):
            for flag, values in flags.items():
                words = with_flag(words, flag, shlex.split(os.path.expandvars(values)))
    return words


def with_flag(words: list[str], flag: str, values: list[str]) -> list[str]:
    """Return the words with a flag's values in place of those that it had."""
    had: list[str] = []
    if flag and flag in words:
        start = words.index(flag)
        end = next((i for i in range(start + 1, len(words)) if words[i].startswith("-")), len(words))
        had, words = words[start + 1 : end], words[:start] + words[end:]
    if flag == "--cfg-options":
        ours = {value.split("=")[0] for value in values}
        values = [*(each for each in had if each.split("=")[0] not in ours), *values]
    return [*words, *([flag] if flag else []), *values]


def filled(text: str, page: str) -> str:
    """Return a page's command with what its placeholders stand for, the longest first."""
    table = {**STANDS_FOR, **PAGES.get(page, Page()).stands_for}

    def pattern(name: str) -> str:
        before = r"(?<![\w/])" if name[0].isupper() else ""
        return before + re.escape(name) + (r"(?!\w)" if re.search(r"\w$", name) else "")

    names = sorted(table, key=len, reverse=True)
    return re.sub("|".join(map(pattern, names)), lambda match: table[match[0]], text)


def codes_of(text: str, page: str) -> tuple[int, ...]:
    """Return the exit codes that a command may end with."""
    own = PAGES.get(page, Page()).codes
    return next((codes for part, codes in {**own, **CODES}.items() if part in text), (0,))


def matching(table: Mapping[str, str], text: str) -> str | None:
    """Return what a table of patterns says of a command."""
    return next((value for pattern, value in table.items() if re.fullmatch(pattern, text)), None)
