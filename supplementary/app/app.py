"""The app: try a model, look through results, compare, see the data and the label loop.

    make app
    SEGLOOP_WORK_DIRS=work_dirs SEGLOOP_DATA=data streamlit run supplementary/app/app.py

It shows what `segloop.app` returns; it computes nothing.
"""

from __future__ import annotations

import streamlit as st

PAGES = {
    "try_it.py": ("Try", ":material/upload:"),
    "results.py": ("Results", ":material/grid_view:"),
    "compare.py": ("Compare", ":material/balance:"),
    "data.py": ("Data", ":material/dataset:"),
    "loop.py": ("Label loop", ":material/sync:"),
}


def main() -> None:
    """Show the page that is asked for, under a bar with all of them."""
    st.set_page_config(page_title="SegLoop", page_icon=":material/polyline:", layout="wide")
    pages = [st.Page(file, title=title, icon=icon) for file, (title, icon) in PAGES.items()]
    st.navigation(pages, position="top").run()


main()
