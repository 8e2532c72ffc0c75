"""Nearly every typo, drawn by seed into our own configs, is caught."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from segloop.experiments.config import load_config
from segloop.experiments.strict.check import examine_with
from segloop.experiments.strict.places import READ
from segloop.experiments.strict.sources import Keys, Sources

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.py"))
TYPOS = 500
CAUGHT = 0.95


def places(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield every key of a config that is read, with its value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if keys or key in READ:
            yield (*keys, key), inner
            yield from places(inner, (*keys, key))


def misspell(word: str, rng: random.Random) -> str:
    """Drop, double, swap or replace one letter, as fingers do."""
    at = rng.randrange(len(word) - 1) if len(word) > 1 else 0
    letter = rng.choice(string.ascii_lowercase)
    return rng.choice(
        [
            word[:at] + word[at + 1 :] if len(word) > 3 else word + letter,
            word[: at + 1] + word[at:],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            word[:at] + letter + word[at + 1 :],
        ]
    )


def wrong_kind(value: Any, rng: random.Random) -> Any:
    """Return a value that no reader of `value` could take."""
    return rng.choice([7, 0.5]) if isinstance(value, str | dict) else "wrong"


def holder(config: dict, keys: Keys) -> Any:
    for key in keys[:-1]:
        config = config[key]
    return config


def spoil(config: dict, rng: random.Random) -> str:
    """Put one typo into a config: a key renamed or added, a type misspelt, a value of the wrong kind."""
    while True:
        keys, value = rng.choice(list(places(config)))
        place, key = holder(config, keys), keys[-1]
        way = rng.choice(["rename", "add", "type", "kind"])
        name = ".".join(map(str, keys))
        if way in ("rename", "add") and isinstance(key, str):
            wrong = misspell(key, rng)
            if wrong in place:
                continue
            place[wrong] = deepcopy(value) if way == "add" else place.pop(key)
            return f"{way} {name} -> {wrong}"
        if way == "type" and key == "type":
            place[key] = misspell(value, rng)
            if place[key] == value:
                continue
            return f"type {name} {value} -> {place[key]}"
        if way == "kind" and value is not None:
            place[key] = wrong_kind(value, rng)
            return f"kind {name} {str(value)[:40]} -> {place[key]}"


@pytest.fixture(scope="module")
def loaded() -> list[tuple[dict, Sources]]:
    return [(load_config(path)._cfg_dict.to_dict(), Sources(path)) for path in CONFIGS]


def test_catches_typos(loaded: list[tuple[dict, Sources]]) -> None:
    rng = random.Random(20240)
    missed = []
    for _ in range(TYPOS):
        config, sources = rng.choice(loaded)
        config = deepcopy(config)
        typo = spoil(config, rng)
        if not examine_with(sources, config).faults:
            missed.append(typo)
    print(f"caught {TYPOS - len(missed)} of {TYPOS}; missed:", *missed, sep="\n  ")
    assert len(missed) <= TYPOS * (1 - CAUGHT)
