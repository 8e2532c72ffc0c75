"""Starts the stand-in for CVAT's server by hand: python -m tests.cvat.standin --port 8080."""

from __future__ import annotations

import argparse
from contextlib import suppress

from tests.cvat.standin.server import StandIn

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    server = StandIn(port=parser.parse_args().port)
    print(f"{server.url}, user anna, password secret, token token-of-anna; Ctrl-C ends it", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve()
