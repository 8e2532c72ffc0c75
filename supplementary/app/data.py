"""Data: what a set holds, its splits, its labels over its images, and its EDA."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st
from shared import come_to, gallery, shelf, told

from data_converters.base import ReadOptions
from data_converters.formats import find_format
from segloop.app.datasets import (
    MASKS,
    changed,
    class_rows,
    eda_command,
    eda_folder,
    facts_of,
    find_eda,
    ids_of,
    label_kinds,
    pick,
)
from segloop.app.pictures import THUMB, enlarged, jpeg, label_picture
from segloop.app.shelf import chosen
from segloop.data.annotations import LabelledImages
from segloop.data.info import DatasetInfo
from segloop.utils.errors import UserError
from segloop.viz.closeup import fitted


@st.cache_resource(max_entries=6, show_spinner="Reading the labels …")
def labels_of(
    name: str, form: str, split: str, stamp: tuple[float, ...]
) -> tuple[LabelledImages, dict[str, int]]:
    """Return a split of a set, and the place of each image by its id."""
    root = chosen(name, shelf().datasets(), what="data set")
    images = find_format(form).read(root, options=ReadOptions(split=split))
    return images, ids_of(images)


def small(name: str, form: str, split: str, stamp: tuple[float, ...], image_id: str) -> bytes | str:
    """Return a small picture of an image with its labels, or why there is none."""
    try:
        return _small(name, form, split, stamp, image_id)
    except UserError as error:  # not kept, for the user may mend it
        return str(error)


@st.cache_data(max_entries=6000, show_spinner=False)
def _small(name: str, form: str, split: str, stamp: tuple[float, ...], image_id: str) -> bytes:
    images, places = labels_of(name, form, split, stamp)
    record = images.load(images.keys[places[image_id]])
    return jpeg(fitted(label_picture(record, images.labels, side=2 * THUMB), side=THUMB))


def main() -> None:
    """Ask for a data set and show it."""
    st.title("Data")
    sets = shelf().datasets()
    if not sets:
        st.info(
            f"There is no data set in `{shelf().data}` yet: `python tools/prepare.py TASK --demo` draws one."
        )
        return
    name = st.selectbox("Data set", list(sets), key="data.set")
    with told():
        root = chosen(name, sets, what="data set")
        info = DatasetInfo.read(root)
        with st.container(horizontal=True):
            st.metric("images", f"{sum(info.splits.values()):,}")
            for split, count in info.splits.items():
                st.metric(split, f"{count:,}")
            st.metric("classes", len(info.foreground))
        labels, look, about = st.tabs(["Labels", "EDA", "About"])
        with labels:
            browse(name, root, info)
        with look:
            eda(root)
        with about:
            st.dataframe(pd.DataFrame(facts_of(info), columns=["what", "value"]), hide_index=True)


def browse(name: str, root: Path, info: DatasetInfo) -> None:
    """Show the images of a split with their labels."""
    kinds = label_kinds(info)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split = st.selectbox("Split", list(info.splits), key="data.split", width=160)
        form = kinds[0]
        if len(kinds) > 1:
            form = st.selectbox(
                "Labels",
                kinds,
                format_func=lambda kind: "masks" if kind == MASKS else "objects",
                key="data.form",
                width=160,
            )
        text = st.text_input("Name contains", key="data.text", width=220)
    stamp = changed(root, info, split)
    images, places = labels_of(name, form, split, stamp)
    ids = pick(list(places), text)
    image_id = st.session_state.get("data.image")
    if image_id in places:
        record = images.load(images.keys[places[image_id]])
        with st.container(border=True, key="closely"):
            at = ids.index(image_id) if image_id in ids else -1
            go = lambda target: st.session_state.update({"data.image": target})  # noqa: E731
            with st.container(horizontal=True, vertical_alignment="center"):
                st.subheader(image_id, anchor=False)
                st.button(
                    "Previous",
                    on_click=go,
                    args=(ids[at - 1] if at > 0 else None,),
                    disabled=at <= 0,
                    shortcut="Left",
                    key="data.before",
                )
                last = not 0 <= at < len(ids) - 1
                st.button(
                    "Next image",
                    on_click=go,
                    args=(None if last else ids[at + 1],),
                    disabled=last,
                    shortcut="Right",
                    key="data.after",
                )
                st.button("Close", on_click=go, args=(None,), shortcut="Esc", key="data.close")
            opacity = st.slider("Opacity of masks", 0.0, 1.0, 0.35, 0.05, key="data.opacity", width=320)
            st.image(enlarged(label_picture(record, images.labels, opacity=opacity)))
    gallery(
        ids,
        key="data",
        picture=lambda each: small(name, form, split, stamp, each),
        caption=lambda each: each if len(each) < 20 else f"…{each[-18:]}",
        on_open=lambda each: st.session_state.update({"data.image": each, "data.opened": True}),
    )
    come_to("data")


def eda(root: Path) -> None:
    """Show what was counted in the set, and count if asked to."""
    found = find_eda(shelf().work_dirs, root)
    if found is None:
        st.write("Nothing was counted in this set yet.")
        st.code(eda_command(shelf().work_dirs, root), language="bash", wrap_lines=True)
        if st.button("Count now", type="primary"):
            count(root)
            st.rerun()
        return
    numbers = found.numbers
    if numbers.get("config"):
        st.markdown("**For a config**")
        st.code(numbers["config"], language="python")
    rows = class_rows(numbers)
    if rows:
        st.markdown("**Classes**")
        st.dataframe(pd.DataFrame(rows), hide_index=True)
    with st.expander("The whole page"):
        st.iframe(found.page.read_text(encoding="utf-8"), height=900)
    st.download_button(
        "Download the page", found.page.read_bytes(), f"{root.name}.html", "text/html", on_click="ignore"
    )


def count(root: Path) -> None:
    """Do what `tools/eda.py` does."""
    from segloop.data.statistics import gather
    from segloop.viz.dataset_report import write_report

    bar = st.progress(0.0, text="Counting …")
    images = find_format(label_kinds(DatasetInfo.read(root))[-1]).read(root, options=ReadOptions())
    tally = gather(
        images, workers=1, progress=lambda done, total: bar.progress(done / max(total, 1), text="Counting …")
    )
    name = str(images.facts.get("name") or root.name)
    write_report(eda_folder(shelf().work_dirs, root), images, tally, name=name, source=str(root))


main()
