"""Refuses a config in which something is misspelt, unknown or of the wrong kind, before anything is built."""

from __future__ import annotations

from segloop.experiments.strict.check import check_config, examine

__all__ = ["check_config", "examine"]
