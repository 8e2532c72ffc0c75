"""Convert labels from one format to another, and say what was lost.

python -m data_converters SRC DST --from F --to F
"""

from __future__ import annotations

from data_converters.cli import main
from segloop.utils.cli import run

if __name__ == "__main__":
    run(lambda: main(__doc__ or ""))
