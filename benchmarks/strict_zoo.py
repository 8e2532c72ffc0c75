"""Check every config that mmsegmentation and mmdetection bring with the strict config check.

    python benchmarks/strict_zoo.py
    python benchmarks/strict_zoo.py mask-rcnn --repo mmdet

None of them may be refused but those with mistakes of their own, which are listed below. Configs that need a
package which is not installed, that mmengine itself cannot load, or that hold no model are counted apart.

Needs: some two minutes.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from zoo_configs import REPOS, config_root

import segloop.experiments.components  # noqa: F401
from segloop.experiments.strict import examine

# Mistakes in the configs themselves: what they ask for fails when it is built, or was never read.
MISTAKES = (
    "models: nothing reads this key",  # bisenetv2: `model` was meant
    "there is no metric 'MOTChallengeMetrics'",
    "a data loader needs 'sampler'",  # dsdl
    "CocoMetric takes no 'eval_mode'",
    "EpochBasedTrainLoop takes no 'by_epoch'",  # solov2-light: mmengine takes one of `type` and `by_epoch`
    "FPN takes no 'force_grad_on_level'",
    "StageCascadeRPNHead takes no 'sampling'",  # nor is num_classes given
)


def zoo(repo: str, pattern: str = "") -> list[Path]:
    """Return the configs of a repository that are no bases of others, sorted."""
    root = config_root(repo)
    found = (path for path in root.rglob("*.py") if "_base_" not in path.parts)
    return sorted(path for path in found if pattern in path.relative_to(root).as_posix())


def check(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (outcome, text) for each thing that is to be said of a config; nothing if it passes."""
    from mmengine.config import Config

    try:
        config = Config.fromfile(str(path))
    except Exception as error:
        yield "cannot be loaded", f"{type(error).__name__}: {error}"
        return
    if "model" not in config:
        yield "a fragment", "it holds no model"
        return
    found = examine(config, path=path)
    for fault in found.faults:
        yield ("refused rightly" if any(known in fault for known in MISTAKES) else "refused"), fault
    yield from (("not installed", fault) for fault in found.absent)
    yield from (("warned", warning) for warning in found.warnings)


def main() -> int:
    """Print what is refused, and the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pattern", nargs="?", default="", help="only configs whose path contains this")
    parser.add_argument("--repo", choices=list(REPOS), action="append", help="default: all")
    parser.add_argument("--verbose", action="store_true", help="print every word, not refusals alone")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    counts: Counter[str] = Counter()
    for repo in args.repo or list(REPOS):
        for path in zoo(repo, args.pattern):
            outcomes = list(check(path))
            kinds = {kind for kind, _ in outcomes}
            order = ("cannot be loaded", "a fragment", "not installed", "refused", "refused rightly")
            counts[next((kind for kind in order if kind in kinds), "passed")] += 1
            counts["warned"] += "warned" in kinds
            for kind, text in outcomes:
                if kind == "refused" or args.verbose:
                    print(f"{repo}/{path.relative_to(config_root(repo))}: {kind}: {text}", flush=True)
    warned = counts.pop("warned", 0)
    print(", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) + f"; {warned} warned of")
    return int(counts["refused"] > 0)


if __name__ == "__main__":
    sys.exit(main())
