"""Label loop: tasks in CVAT, who is done, and what became of the labels."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from shared import shelf

from segloop.app.loop import Difference, by_person, find_differences, find_loops, pulled_images, read_rows


def main() -> None:
    """Show the loops and the differences that lie on this disk; the server is asked by the tool alone."""
    st.title("Label loop")
    top = shelf().work_dirs
    loops, differences = find_loops(top), find_differences(top)
    if not loops and not differences:
        st.info(
            "Nothing was sent to CVAT from here yet. Tick images under **Results**, save the LIST, push it."
        )
        st.code("python tools/cvat.py push DATASET --images LIST", language="bash")
        return
    for loop in loops:
        with st.container(border=True):
            st.subheader(loop.name, anchor=False)
            st.caption(f"{loop.host}, {loop.folder}")
            if loop.project:
                st.link_button("Open the project", loop.project)
            st.dataframe(
                pd.DataFrame(
                    [(each.key, each.kind, each.state, each.images, each.address) for each in loop.tasks],
                    columns=["task", "labels sent", "state", "images", "address"],
                ),
                column_config={"address": st.column_config.LinkColumn()},
                hide_index=True,
            )
            images = pulled_images(loop.folder)
            if images:
                st.markdown("**Pulled**")
                columns = ["assignee", "images", "looked at", "objects changed"]
                st.dataframe(pd.DataFrame(by_person(images), columns=columns), hide_index=True)
                with st.expander(f"Images ({len(images):,})"):
                    st.dataframe(pd.DataFrame(images), hide_index=True)
    for difference in differences:
        show(difference)


def show(difference: Difference) -> None:
    """Show two sets of labels side by side: the tables, and the page with pictures."""
    with st.container(border=True):
        st.subheader(f"Difference: {difference.folder.name}", anchor=False)
        for name, file in difference.tables.items():
            head, rows = read_rows(file)
            st.markdown(f"**{name}**")
            st.dataframe(pd.DataFrame(rows, columns=head or None), hide_index=True)
        if difference.page is not None:
            with st.expander("The page with pictures"):
                st.iframe(difference.page.read_text(encoding="utf-8"), height=900)


main()
