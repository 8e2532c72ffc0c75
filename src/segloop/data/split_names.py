"""What authors call their splits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Numbers and signs around do not count (`train2017`, `Train_v2`).
SPLIT_NAMES: Mapping[str, Sequence[str]] = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev", "eval"),
    "test": ("test", "testing", "tst"),
}


def split_name(name: str) -> str | None:
    """Return what a split of the author's is called here; None for a name that is no split's.

    >>> split_name("Train2017"), split_name("valid"), split_name("berlin")
    ('train', 'val', None)
    """
    bare = re.sub(r"([-_ ]?v?\d+)+$", "", name.casefold())
    return next((split for split, names in SPLIT_NAMES.items() if bare in names), None)
