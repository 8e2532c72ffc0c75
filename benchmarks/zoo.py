"""Take one training step of every distinct segmentation model that mmsegmentation and mmdetection bring.

    python benchmarks/zoo.py --results zoo.jsonl            and again, to go on where it stopped
    python benchmarks/zoo.py --results zoo.jsonl --table    the table alone

Each model is built from its config without its pretrained weights, gets two drawn pictures of 64x64, and
takes a step of SGD, in a worker process that starts again when a model kills it or takes too much of time or
memory.
`--with plain` leaves segloop.ops out, `--with compiled` asks for an mmcv with compiled operators. One JSON
line per model.

Needs: hours.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from zoo_configs import REPOS, Model, config_root, distinct_models, list_configs

STEP = Path(__file__).with_name("zoo_step.py")


class Worker:
    """A process that takes training steps, one after another, and can be killed."""

    def __init__(self, operators: str, *, timeout: float, memory_mb: int) -> None:
        self.operators, self.timeout, self.memory_mb = operators, timeout, memory_mb
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.Queue[str] = queue.Queue()

    def run(self, model: Model) -> dict[str, Any]:
        """Return the outcome of one model."""
        process = self.process or self._start()
        begin = time.monotonic()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"repo": model.repo, "config": str(model.config)}) + "\n")
        process.stdin.flush()
        why = ""
        while not why:
            try:
                return json.loads(self.answers.get(timeout=0.5))
            except queue.Empty:
                pass
            memory_mb = _resident_mb(process.pid)
            if process.poll() is not None:
                why = f"the worker died with code {process.returncode}"
            elif time.monotonic() - begin > self.timeout:
                why = f"not done after {self.timeout:.0f} s"
            elif memory_mb > self.memory_mb:
                why = f"more than {self.memory_mb} MB"
        self.stop()
        seconds = round(time.monotonic() - begin, 1)
        return {"status": "fail", "reason": "time or memory", "error": why, "place": "", "seconds": seconds}

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self) -> subprocess.Popen[str]:
        offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        choice = {"SEGLOOP_OPS": {"ours": "torch", "compiled": "compiled"}.get(self.operators, "")}
        self.process = subprocess.Popen(
            [sys.executable, str(STEP), self.operators],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"OMP_NUM_THREADS": "1", **os.environ, **offline, **choice},
        )
        self.answers = queue.Queue()
        threading.Thread(target=_pump, args=(self.process, self.answers), daemon=True).start()
        return self.process


def _pump(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)


def _resident_mb(pid: int) -> int:
    """Return the resident memory of a process, 0 where /proc does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the last outcome of each model; a line that an interruption cut off does not count."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["with"], row["key"]] = row
    return list(found.values())


def run(args: argparse.Namespace) -> None:
    """Take the steps that the results do not hold yet."""
    worker = Worker(args.operators, timeout=args.timeout, memory_mb=args.memory)
    done = {
        (row["with"], row["key"])
        for row in read_results(args.results)
        if not args.again or row["status"] == "pass"
    }
    with args.results.open("a") as results:
        for repo in REPOS if args.repo == "all" else (args.repo,):
            configs = list_configs(repo, args.only)
            models, unreadable = distinct_models(
                repo, configs, progress=_progress(f"{repo}: configs", len(configs))
            )
            for path, error in unreadable.items():
                print(
                    f"\r\033[Kcannot be read: {path.relative_to(config_root(repo))}: {error[:100]}",
                    file=sys.stderr,
                )
            show = _progress(f"{repo}: models", len(models))
            for number, model in enumerate(models, 1):
                show(number, model.name)
                if (args.operators, model.key) in done:
                    continue
                row = {
                    "with": args.operators,
                    "repo": repo,
                    "family": model.family,
                    "config": model.name,
                    "key": model.key,
                    "structure": model.structure,
                    "configs": len(model.members),
                    **worker.run(model),
                }
                results.write(json.dumps(row) + "\n")
                results.flush()
    worker.stop()
    print(file=sys.stderr)


def _progress(what: str, total: int) -> Any:
    def show(done: int, name: str = "") -> None:
        print(f"\r\033[K{what} {done}/{total} {name}", end="", file=sys.stderr, flush=True)

    return show


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of passes by family, ours beside the others, and why the rest of ours fails."""
    kinds = [kind for kind in ("ours", "plain", "compiled") if any(row["with"] == kind for row in rows)]
    by_family: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_family[row["repo"], row["family"]][row["with"]].append(row)
    lines = [
        "| repository | family | models | " + " | ".join(kinds) + " | why the rest fails |",
        "|---|---|---:|" + "---:|" * len(kinds) + "---|",
    ]
    totals: Counter[str] = Counter()
    for (repo, family), found in sorted(by_family.items()):
        models = {row["key"] for kind in found.values() for row in kind}
        passed = {kind: sum(row["status"] == "pass" for row in found[kind]) for kind in kinds}
        cells = [_cell(passed[kind], len(found[kind]), len(models)) for kind in kinds]
        lines.append(
            f"| {repo} | {family} | {len(models)} | {' | '.join(cells)} | {_reasons(found[kinds[0]])} |"
        )
        totals.update(passed)
        totals["models"] += len(models)
    tried = {kind: sum(len(found[kind]) for found in by_family.values()) for kind in kinds}
    sums = " | ".join(_cell(totals[kind], tried[kind], totals["models"]) for kind in kinds)
    lines.append(f"| all | {len(by_family)} families | {totals['models']} | {sums} | |")
    return "\n".join(lines)


def _cell(passed: int, tried: int, models: int) -> str:
    """Return the passes, and out of how many where not every model has had its turn."""
    if not tried:
        return "–"
    return str(passed) if tried == models else f"{passed} of {tried}"


def _reasons(rows: list[dict[str, Any]]) -> str:
    failed = Counter(
        f"{row['reason']} ({' '.join(row['error'].split(': ', 1)[-1].split()[:12])})"
        for row in rows
        if row["status"] != "pass"
    )
    return "; ".join(f"{count} {why}" for why, count in failed.most_common()).replace("|", "/")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", choices=(*REPOS, "all"), default="all")
    parser.add_argument("--only", default="", metavar="PATTERN", help="configs whose path contains this")
    parser.add_argument("--with", dest="operators", choices=("ours", "plain", "compiled"), default="ours")
    parser.add_argument("--results", type=Path, default=Path("work_dirs/zoo.jsonl"), metavar="FILE")
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS", help="for each model")
    parser.add_argument("--memory", type=int, default=10_000, metavar="MB", help="for each model")
    parser.add_argument("--again", action="store_true", help="take the models that failed once more")
    parser.add_argument("--table", action="store_true", help="only print the table of the results")
    args = parser.parse_args()
    args.results.parent.mkdir(parents=True, exist_ok=True)
    if not args.table:
        try:
            run(args)
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on from here", file=sys.stderr)
            raise SystemExit(130) from None
    print(table(read_results(args.results)))


if __name__ == "__main__":
    main()
