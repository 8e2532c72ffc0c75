"""tools/collect.py from outside."""

import sys

import pytest

from segloop.utils.errors import UserError
from tools import collect


def test_it_wants_to_know_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["collect.py", "run"])
    with pytest.raises(UserError, match="name a folder OUT"):
        collect.parse_args()
