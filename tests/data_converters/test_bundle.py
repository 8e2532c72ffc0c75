"""What is offered to download is what the tool writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.bundle import FILES, packed
from data_converters.deliver import Delivery
from tests.data_converters.test_deliver import predicted


@pytest.mark.parametrize("form", list(FILES))
@pytest.mark.parametrize("objects", [False, True])
def test_the_bytes_are_those_of_the_tool(form: str, objects: bool, tmp_path: Path) -> None:
    found = predicted(tmp_path, objects=objects)
    target = tmp_path / FILES[form]
    delivery = Delivery(target=target, form=form, as_labels=True)
    delivery.check()
    delivery.write(found, objects=objects)
    assert packed(found, form=form, objects=objects) == target.read_bytes()
