"""A refusal says what to do about it."""

from __future__ import annotations

from segloop.experiments.serving.refusals import Refusal


def test_a_full_service_says_when_to_try_again() -> None:
    assert Refusal(503, "full").headers == {"Retry-After": "1"}
    assert Refusal(413, "too large").headers == {}
    assert Refusal(413, "too large").body() == {"error": {"status": 413, "message": "too large"}}
