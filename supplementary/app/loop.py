"""Label loop: tasks in CVAT, who is done, and what became of the labels."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from shared import shelf

from segloop.app.loop import (
    MOST_ROWS,
    TABLES,
    Difference,
    Loop,
    by_person,
    columns,
    find_differences,
    find_loops,
    pulled_images,
    read_rows,
)


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
        show_loop(loop)
    for difference in differences:
        show(difference, name=difference.folder.relative_to(top).as_posix())


def show_loop(loop: Loop) -> None:
    """Show the tasks of a loop, who looked at what, and how it goes on."""
    images = pulled_images(loop.folder)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", key=f"head.{loop.folder}"):
            st.subheader(loop.name, anchor=False)
            if loop.project:
                st.link_button("Open the project", loop.project, icon=":material/open_in_new:")
        st.caption(f"at `{loop.host}`, kept in `{loop.folder}`")
        with st.container(horizontal=True):
            st.metric("tasks", f"{len(loop.tasks):,}")
            st.metric("images sent", f"{sum(each.images for each in loop.tasks):,}")
            if images:
                st.metric("pulled", f"{len(images):,}")
                st.metric("looked at", f"{sum(bool(each.get('looked_at')) for each in images):,}")
        st.dataframe(
            pd.DataFrame(
                [(each.key, each.kind, each.state, each.images, each.address) for each in loop.tasks],
                columns=["task", "labels sent", "state", "images", "address"],
            ),
            column_config={"address": st.column_config.LinkColumn(display_text=r"(tasks/\d+)$")},
            hide_index=True,
        )
        if images:
            st.markdown("**Who looked at them**")
            head = ["assignee", "images", "looked at", "objects changed"]
            st.dataframe(pd.DataFrame(by_person(images), columns=head), hide_index=True)
            with st.expander(f"Pulled images ({len(images):,})"):
                st.dataframe(pd.DataFrame(images[:MOST_ROWS]), hide_index=True)
                if len(images) > MOST_ROWS:
                    st.caption(f"The first {MOST_ROWS:,}.")
        with st.expander("How it goes on"):
            for what, line in loop.commands().items():
                st.caption(what)
                st.code(line, language="bash", wrap_lines=True)


def show(difference: Difference, *, name: str) -> None:
    """Show two sets of labels side by side: the sums, the pictures, the tables."""
    with st.container(border=True):
        st.subheader(f"What changed: {name}", anchor=False)
        with st.container(horizontal=True):
            for what, value in difference.sums().items():
                st.metric(what, value)
        titles = [TABLES.get(each, each) for each in difference.tables]
        pictures = ["Pictures"] if difference.page is not None else []
        if not titles and not pictures:
            return
        tabs = st.tabs(pictures + titles)
        if difference.page is not None:
            with tabs[0]:
                st.iframe(difference.page.read_text(encoding="utf-8"), height=900)
        for tab, (stem, file) in zip(tabs[len(pictures) :], difference.tables.items(), strict=True):
            with tab:
                every = stem != "images" or st.toggle("Unchanged images too", key=f"every.{file}")
                head, rows = read_rows(file, changed=not every)
                st.dataframe(pd.DataFrame(columns(head, rows)), hide_index=True)
                if len(rows) == MOST_ROWS:
                    st.caption(f"The first {MOST_ROWS:,} rows; all are in `{file}`.")


main()
