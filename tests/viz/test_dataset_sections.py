"""Numbers are written as people read them."""

from __future__ import annotations

from segloop.viz.dataset_sections import count, percent


def test_numbers_for_readers() -> None:
    assert [count(12345), count(1.25, digits=1), count(None)] == ["12,345", "1.2", "–"]
    assert [percent(share) for share in (1.0, 0.12345, 0.0005, 0.00001)] == [
        "100.0 %",
        "12.3 %",
        "0.05 %",
        "<0.01 %",
    ]
