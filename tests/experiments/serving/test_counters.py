"""Counters are told as Prometheus reads them."""

from __future__ import annotations

from segloop.experiments.serving.counters import Counters


def test_answers_times_and_batches_are_counted() -> None:
    counters = Counters()
    counters.answered(200, 0.02)
    counters.answered(200, 0.3)
    counters.answered(413, 60.0)
    counters.batch(3)
    lines = counters.text({"segloop_queue_images": ("Images that wait", lambda: 7)}).splitlines()
    for line in (
        'segloop_requests_total{status="200"} 2',
        'segloop_requests_total{status="413"} 1',
        'segloop_request_seconds_bucket{le="0.01"} 0',
        'segloop_request_seconds_bucket{le="0.025"} 1',
        'segloop_request_seconds_bucket{le="30"} 2',
        'segloop_request_seconds_bucket{le="+Inf"} 3',
        "segloop_request_seconds_sum 60.32",
        'segloop_batch_images_bucket{le="4"} 1',
        "segloop_batch_images_count 1",
        "# TYPE segloop_queue_images gauge",
        "segloop_queue_images 7",
    ):
        assert line in lines


def test_a_sum_of_many_images_grows_with_each() -> None:
    counters = Counters()
    counters.batch(1_000_000)
    counters.batch(1)
    assert "segloop_batch_images_sum 1000001" in counters.text({}).splitlines()
