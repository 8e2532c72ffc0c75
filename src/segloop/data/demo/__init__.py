"""Demo data sets, drawn from a seed: one generator per task."""

from __future__ import annotations

from collections.abc import Callable

from segloop.data.demo import multiclass
from segloop.data.info import DatasetInfo

# task -> function(root, *, seed, counts, size, workers, progress)
DEMOS: dict[str, Callable[..., DatasetInfo]] = {
    "multiclass": multiclass.generate,
}
