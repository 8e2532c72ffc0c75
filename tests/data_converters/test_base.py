"""What formats hand to the converter survives the way through worker processes."""

from __future__ import annotations

import pickle

from data_converters.base import BadRecord, Loss, Rendered


def test_what_workers_send_back_arrives_whole() -> None:
    error = pickle.loads(pickle.dumps(BadRecord("a/1", ["line 3: no runs", "line 4: no size"])))
    assert (error.image_id, error.problems) == ("a/1", ("line 3: no runs", "line 4: no size"))
    assert "2 problem(s)\n  line 3" in str(error)
    rendered = Rendered("a/1", b"png", instances=1, pixels=2, losses=(Loss("scores", 1, "a/1"),))
    assert pickle.loads(pickle.dumps(rendered)) == rendered
