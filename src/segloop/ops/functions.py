"""The table of operators: the name that mmcv's C++ extension exports, and our function for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}
