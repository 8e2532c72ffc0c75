"""Starts a training again from what its work_dir recorded, if all that it depends on is still the same."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segloop.data.demo import MakeDemo
from segloop.experiments.config import find_config, load_config
from segloop.experiments.records import FORMAT, KINDS, TRAIN_FILE, Difference, differences, seconds_of
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, FormatError, UserError, listing, nearest
from segloop.utils.processes import run_to_end
from segloop.utils.quiet import quiet, silent_imports

if TYPE_CHECKING:
    from mmengine.config import Config

NEEDED = {
    "seed": int,
    "processes": int,
    "device": str,
    "launcher": str,
    **dict.fromkeys(("versions", "code", "data", "hardware", "config"), dict),
    **dict.fromkeys(("weights", "earlier", "changed"), list),
}


@dataclass(frozen=True)
class Original:
    """A training that was recorded: its work_dir, its record, its config."""

    work_dir: Path
    record: dict[str, Any]
    config: Path

    @classmethod
    def find(cls, target: Path | str) -> Original:
        """Open what is meant by a work_dir, a RUN below it, or a config; a UserError says what is wrong."""
        work_dir = find_work_dir(target)
        record = read_train_record(work_dir)
        if not record["config"].get("file"):
            raise UserError(
                f"{work_dir} was not trained from a config file, so nothing can be started again."
            )
        first = [*record["earlier"], record][0].get("first_iter")
        if first:
            raise UserError(
                f"{work_dir} went on from a checkpoint of another folder, at iteration {first}; what came "
                "before is not recorded here. Run that training again."
            )
        return cls(work_dir, record, work_dir / record["config"]["file"])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A rerun: where it goes, the command and environment that make it, and what is not as it was."""

    original: Original
    work_dir: Path
    seed: int
    command: list[str]
    environment: dict[str, str]
    differences: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether it must end as the original did."""
        return not self.differences and self.seed == self.original.record["seed"]


def judge(found: Plan) -> int:
    """Compare a finished rerun with the original, say what came out, and return the exit code."""
    from segloop.experiments.comparing import compare

    original = found.original.work_dir
    result = compare(original, found.work_dir)
    print(f"\nThe rerun is in {found.work_dir}. Beside {original}:\n{result}")
    if not found.same or not result.differ:
        return EXIT_DONE
    if found.original.record["device"] != "cpu":
        print("A GPU adds up in any order, unless the config says randomness.deterministic=True.")
    return EXIT_FINDINGS


def find_work_dir(target: Path | str, *, work_dirs: Path = Path("work_dirs")) -> Path:
    """Return the work_dir that is meant: itself, that of a RUN, or that of a config or its name."""
    path = Path(target)
    if path.is_dir():
        if (path / TRAIN_FILE).is_file() or path.parent.name != "test":
            return path
        return path.parent.parent
    if path.is_file() and (path.parent / TRAIN_FILE).is_file():
        return path.parent  # the config, the record or a checkpoint in it
    if path.is_file() or path.suffix == ".py":
        folder = Path(load_config(find_config(path)).work_dir)
        if folder.is_dir():
            return folder
        raise UserError(f"{path} was not trained yet: there is no {folder}.")
    if len(path.parts) == 1 and (work_dirs / path).is_dir():
        return work_dirs / path
    known = [found.name for found in sorted(work_dirs.glob("*")) if found.is_dir()]
    there = f"\nIn {work_dirs} there are:\n{listing(known)}" if known else ""
    raise UserError(f"There is no work_dir, RUN or config {str(target)!r}.{nearest(path.name, known)}{there}")


def read_train_record(work_dir: Path) -> dict[str, Any]:
    """Return a work_dir's `train.json`, whole and of this version."""
    path = work_dir / TRAIN_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{work_dir} has no {TRAIN_FILE}: nothing was recorded there of a training."
        ) from None
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read ({error})", file=path) from None
    if not isinstance(record, dict):
        raise FormatError("this is not the record of a training", file=path)
    if record.get("format") != FORMAT:
        raise FormatError(
            f"was written by another version of SegLoop (format {record.get('format')}, and this one reads "
            f"{FORMAT}), so it cannot be followed. Train anew: python tools/train.py CONFIG",
            file=path,
        )
    if record.get("config", 0) is None:
        record["config"] = {}
    wrong = [key for key, kind in NEEDED.items() if not isinstance(record.get(key), kind)]
    if wrong:
        raise FormatError(f"is damaged: without a usable {', '.join(wrong)}", file=path)
    return record


def plan(
    target: Path | str,
    *,
    tool: Path,
    work_dir: Path | str | None = None,
    seed: int | None = None,
    resume: bool = False,
    unsafe_load: bool = False,
    make_demo: MakeDemo | None = None,
) -> Plan:
    """Work out how a training is started again by `tool` (tools/train.py), and what differs from then."""
    quiet()
    original = Original.find(target)
    record = original.record
    if record["launcher"] not in ("none", "pytorch"):
        raise UserError(
            f"{original.work_dir} was trained by {record['launcher']} in {record['processes']} processes; "
            f"start them there: tools/train.py {original.config} --launcher {record['launcher']} "
            "--work-dir DIR"
        )
    new = _new_folder(original.work_dir, work_dir, resume=resume)
    if seed is None:
        seed = record["seed"]
    command = [sys.executable, str(tool)]
    if record["processes"] > 1 or record["launcher"] == "pytorch":
        start = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={record['processes']}"]
        command = [sys.executable, *start, str(tool)]
    words = {"--work-dir": str(new), "--seed": str(seed), "--device": record["device"]}
    command += [str(original.config), *(word for pair in words.items() for word in pair)]
    command += ["--launcher", "pytorch"] if "torch.distributed.run" in command else []
    command += ["--resume"] if resume else []
    command += ["--unsafe-load"] if unsafe_load else []
    threads = str(record["hardware"].get("threads"))
    environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads} if threads.isdigit() else {}
    return Plan(
        original=original,
        work_dir=new,
        seed=seed,
        command=command,
        environment=environment,
        differences=_differences(original, make_demo),
    )


def require_same(found: Plan, *, allow: Collection[str] = ()) -> None:
    """Refuse a rerun of which something differs that was not allowed to; name each difference."""
    refused = [each for each in found.differences if each.kind not in allow]
    if not refused:
        return
    lines = "\n".join(f"  {each}" for each in refused)
    kinds = " ".join(kind for kind in KINDS if any(each.kind == kind for each in refused))
    raise UserError(
        f"{found.original.work_dir} cannot come out the same, for this is not as it was:\n{lines}\n"
        f"To run it all the same: --allow {kinds}"
    )


def start(found: Plan) -> int:
    """Run the command of a plan, let signals be its own matter, and return its exit code."""
    print(shlex.join(found.command), file=sys.stderr)
    return run_to_end(found.command, environment=found.environment)


def _new_folder(original: Path, given: Path | str | None, *, resume: bool) -> Path:
    new = Path(given) if given is not None else original.with_name(f"{original.resolve().name}-rerun")
    if new.resolve() == original.resolve():
        raise UserError(f"--work-dir {new} is the original itself, which is never overwritten.")
    if resume and not new.is_dir():
        raise UserError(f"There is nothing to go on with in {new}.")
    if not resume and new.exists() and (not new.is_dir() or any(new.iterdir())):
        raise UserError(
            f"{new} is there already. Go on with it with --resume, or compare it with --compare, or choose "
            "another with --work-dir DIR."
        )
    return new


def _differences(original: Original, make_demo: MakeDemo | None) -> list[Difference]:
    record = original.record
    edited = Difference("config", "file", record["config"].get("sha256"), _sha256(original.config))
    found = [edited] if edited.recorded != edited.now else []
    for change in record["changed"]:
        told = f"{change.get('text')} (when it was resumed at iteration {change.get('iter')})"
        found.append(Difference(str(change.get("kind")), "changed", None, None, told.partition(": ")[2]))
    if not original.config.is_file():
        raise UserError(f"{original.config} is gone, and with it what was trained.")
    with TemporaryDirectory() as folder:  # for the lists of a fold: a refused rerun leaves nothing behind
        config = load_config(original.config, work_dir=folder)
        datasets = _datasets(config, device=record["device"], make_demo=make_demo)
        found += differences(record, _origin_now(config, datasets, record))
        if any(each.kind == "data" for each in found):
            found += _newer(datasets, record)
    return found


def _origin_now(config: Config, datasets: Sequence[Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return what this machine, this code and the data that are there would record of the same training."""
    from segloop.experiments.inputs import origin

    now = origin(config, datasets=datasets, work_dir=Path(config.work_dir), seed=record["seed"])
    # As many processes and threads are started as there were; what they run on may differ.
    now["hardware"]["threads"] = record["hardware"].get("threads")
    return now | {"processes": record["processes"]}


def _possible(device: str) -> str | None:
    """Return the device to ask for; None, the default, where this machine lacks it."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return device if there.get(device) else None


def _datasets(config: Config, *, device: str, make_demo: MakeDemo | None) -> list[Any]:
    """Build the data sets of training and validation as the runner would; make a demo set that is missing."""
    from segloop.experiments.device import choose_device
    from segloop.experiments.launch import check_data

    choose_device(_possible(device))
    with silent_imports():
        import segloop.experiments.components  # noqa: F401
    from mmengine.registry import DATASETS, init_default_scope

    from segloop.experiments.folds import with_folds

    init_default_scope(config.get("default_scope") or "mmengine")
    check_data(config, ("train", "val"), make_demo=make_demo)
    folded = with_folds(config)
    names = ["train"] + (
        ["val"] if folded.get("val_dataloader") and folded.get("val_cfg") is not None else []
    )
    return [DATASETS.build(folded[f"{name}_dataloader"]["dataset"]) for name in names]


def _newer(datasets: Sequence[Any], record: dict[str, Any]) -> list[Difference]:
    """Name the files that were changed after the training began: most likely it is they that differ."""
    from segloop.experiments.inputs import newer_files

    began = seconds_of([*record["earlier"], record][0].get("started"))
    files = [] if began is None else newer_files(datasets, than=began)
    if not files:
        return []
    shown = ", ".join(map(str, files[:3])) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    return [Difference("data", "newer", None, None, f"changed after the training began: {shown}")]


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
