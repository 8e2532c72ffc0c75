"""Compare: which of several RUNs is better, how surely, and on which images."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from shared import ON_PAGE, shelf, told

from segloop.analysis.compare import Comparison, compare
from segloop.analysis.comparison_folder import draw_wins
from segloop.app.pictures import jpeg
from segloop.viz.comparison_tables import tables
from segloop.viz.pair_pictures import HOW_TO_READ

REPEATS = 1000


@st.cache_resource(max_entries=4, show_spinner="Comparing …")
def compared(names: tuple[str, ...], stamps: tuple[tuple[str, ...], ...], common: bool) -> Comparison:
    """Compare RUNs, once for each test of them and each place of their data."""
    runs = [shelf().open_run(name) for name in names]
    return compare(runs, common=common, repeats=REPEATS, topk=4)


def main() -> None:
    """Ask for RUNs; say who is better, by what, where."""
    st.title("Compare")
    names = list(shelf().runs())
    chosen = st.multiselect("RUNs, two or more", names, key="compare.runs", placeholder="choose")
    common = st.checkbox("only images that are the same in all", key="compare.common")
    if len(chosen) < 2:
        st.caption("Choose two RUNs or more, tested on one split of one data set.")
        return
    with told():
        runs = [shelf().open_run(name) for name in chosen]
        stamps = tuple((str(run.meta["finished"]), str(run.data_root)) for run in runs)
        comparison = compared(tuple(chosen), stamps, common)
        numbers = comparison.numbers
        for pair in numbers["pairs"]:
            st.subheader(f"{' and '.join(pair['pair'])}: {pair['verdict']['text']}", anchor=False)
        for note in numbers["notes"]:
            st.caption(f"Note: {note}")
        for table in tables(numbers):
            st.markdown(f"**{table.title}**")
            st.dataframe(pd.DataFrame(table.rows, columns=_unique(table.head)), hide_index=True)
            if table.note:
                st.caption(table.note)
        images(comparison)


def images(comparison: Comparison) -> None:
    """Show the images that each side of a pair wins by most."""
    st.markdown("**Images that one wins by most**")
    st.caption(HOW_TO_READ)
    for key, pictures in draw_wins(comparison).items():
        one, other, winner = key.split(":")
        title = f"{one} and {other}: {winner} wins ({len(pictures)})"
        with st.expander(title, expanded=True), st.container(horizontal=True):
            for picture, caption in pictures[:ON_PAGE]:
                with st.container(width=620):
                    st.image(jpeg(picture), caption=caption, width="stretch")


def _unique(head) -> list[str]:  # type: ignore[no-untyped-def]
    """Return column names that differ, as a data frame wants them."""
    return [
        name if name and list(head).count(name) == 1 else f"{name} " + " " * place
        for place, name in enumerate(head)
    ]


main()
