"""The app: try a model, look through results, compare, see the data and the label loop.

    make app
    SEGLOOP_WORK_DIRS=work_dirs SEGLOOP_DATA=data streamlit run supplementary/app/app.py

It shows what `segloop.app` returns; it computes nothing.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

PAGES = {
    "try_it.py": ("Try", ":material/upload:"),
    "results.py": ("Results", ":material/grid_view:"),
    "compare.py": ("Compare", ":material/balance:"),
    "data.py": ("Data", ":material/dataset:"),
    "loop.py": ("Label loop", ":material/sync:"),
}


STYLE = """<style>
[data-testid=stMainBlockContainer] { padding-top: 4.2rem; padding-bottom: 3rem; }
h1 { font-size: 1.7rem !important; padding-bottom: .2rem !important; }
h3 { font-size: 1.25rem !important; }
[data-testid=stMetricValue] { font-size: 1.4rem; }
[class*=st-key-results_open] button, [class*=st-key-data_open] button { padding: 0; min-height: 1.6rem; }
.st-key-closely, .st-key-keep { scroll-margin-top: 4rem; }
@media (max-width: 600px) {
  .st-key-closely [data-testid=stElementContainer]:has([data-testid=stHeading]) { flex-basis: 100%; }
}
</style>"""


def icon() -> Image.Image:
    """Return the page's sign, a disc with an outline. A named one would be fetched from a foreign server."""
    y, x = np.mgrid[-16:16, -16:16] + 0.5
    radius = np.hypot(x, y)[..., None]
    disc = np.where(radius < 11, [85, 194, 184], [11, 122, 117])
    return Image.fromarray(np.concatenate([disc, np.where(radius < 15, 255, 0)], axis=2).astype(np.uint8))


def main() -> None:
    """Show the page that is asked for, under a bar with all of them."""
    st.set_page_config(page_title="SegLoop", page_icon=icon(), layout="wide")
    st.html(STYLE)
    pages = [st.Page(file, title=title, icon=sign) for file, (title, sign) in PAGES.items()]
    st.navigation(pages, position="top").run()


main()
