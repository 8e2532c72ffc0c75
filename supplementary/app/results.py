"""Results: images of a RUN, best, worst and suspected, by class, score and size; ticked ones as a LIST."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from shared import case_of, choose_run, come_to, gallery, opened, percent, shelf, thumb, told

from segloop.analysis.runs import Run
from segloop.app.images import SCORES, SIZES, ImageTable, Query, select
from segloop.app.picks import LISTS, commands, knows_cvat, list_name, list_text, push_words, save_list
from segloop.app.pictures import tiles
from segloop.viz.error_pictures import TITLES

ROOT = Path(__file__).resolve().parents[2]
LINES = 30  # of what a push says
COLOURED = 100  # classes: the cells of more take a second at each click, and Pandas refuses those of 512
ERRORS = "Errors: missed is red, invented blue, wrong class orange."


def main() -> None:
    """Ask for a RUN and what to see of it."""
    st.title("Results")
    name = choose_run("results")
    if name is None:
        return
    with told():
        run, table = opened(name)
        summary(run, table)
        asked = confusion(table)
        query = filters(table, cell=asked)
        ids = [table.ids[place] for place in select(table, query).tolist()]
        show = st.segmented_control("Show", list(TITLES), default="errors", key="results.show") or "errors"
        closely(name, table, ids)
        browse(name, run, table, ids, show)
        come_to("results")


def summary(run: Run, table: ImageTable) -> None:
    """Show the scores over the set, the one that images are ranked by first."""
    scores = run.scores
    first = [
        key
        for key in ("mDice_fg", "mIoU_fg", "aAcc", "coco/segm_mAP", "pq/PQ", "match/IoU", "ships/F2")
        if key in scores
    ]
    with st.container(horizontal=True):
        st.metric("images", f"{len(table):,}")
        for key in first or list(scores)[:4]:
            st.metric(f"{key}, %", percent(scores[key]))


def confusion(table: ImageTable) -> tuple[str, str] | None:
    """Show the confusion; a chosen cell, by a click or by two lists, opens its images."""
    names = table.cell_names
    what = "pixels" if table.kind == "semantic" else "objects"
    with st.expander("Confusion matrix: a cell opens its images"):
        counts = pd.DataFrame(table.confusion(), index=names, columns=names)
        share = counts.div(counts.sum(axis=1).replace(0, 1), axis=0) * 100
        shown = share.round(1) if len(names) > COLOURED else coloured(share)

        def clicked() -> None:
            cells = st.session_state["results.matrix"]["selection"]["cells"]
            if cells:
                row, column = cells[0]
                st.session_state["results.true"] = names[row]
                st.session_state["results.predicted"] = column

        st.dataframe(shown, on_select=clicked, selection_mode="single-cell", key="results.matrix")
        st.caption(f"Rows are the truth, columns the prediction; % of the {what} of a true class.")
        with st.container(horizontal=True):
            for key in ("results.true", "results.predicted"):
                if st.session_state.get(key) not in (None, *names):
                    st.session_state[key] = None
            truth = st.selectbox("True class", names, index=None, key="results.true", placeholder="any cell")
            pred = st.selectbox(
                "Predicted class", names, index=None, key="results.predicted", placeholder="any cell"
            )
    if truth is None or pred is None:
        return None
    count = int(counts.loc[truth, pred])

    def forget() -> None:
        st.session_state["results.true"] = st.session_state["results.predicted"] = None

    with st.container(horizontal=True, vertical_alignment="center"):
        st.write(f"Images with **{truth}** taken for **{pred}**: {count:,} {what}, those with most first.")
        st.button("All images", on_click=forget, icon=":material/close:")
    return truth, pred


def coloured(share: pd.DataFrame) -> Styler:
    """Return percents on blue, the darker the higher."""
    return share.style.format("{:.1f}").background_gradient(cmap="Blues", axis=None, vmin=0, vmax=100)


def filters(table: ImageTable, *, cell: tuple[str, str] | None) -> Query:
    """Ask which images, in which order."""
    orders = table.orders()
    if st.session_state.get("results.order") not in (None, *orders):
        del st.session_state["results.order"]
    known = [each for each in st.session_state.get("results.classes", []) if each in table.class_names]
    st.session_state["results.classes"] = known
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.selectbox(
            "Order",
            list(orders),
            format_func=orders.get,
            key="results.order",
            width=220,
            disabled=cell is not None,
        )
        classes = st.multiselect(
            "Classes", table.class_names, placeholder="any", key="results.classes", width=260
        )
        text = st.text_input("Name contains", key="results.text", width=180)
    with st.expander("By score and size"), st.container(horizontal=True):
        low, high = st.slider(f"{SCORES[table.kind]}, %", 0, 100, (0, 100), key="results.scores", width=260)
        least = st.number_input("Pixels from", 0, value=None, step=50, key="results.least", width=150)
        most = st.number_input("to", 0, value=None, step=50, key="results.most", width=150)
        st.caption(f"Score of the image, or of the class where one is chosen. Size: {SIZES[table.kind]}.")
    if "suspicion" not in table.ranks:
        st.caption("Suspected labels are known after `python tools/analyze.py RUN`.")
    return Query(
        order=order or "worst",
        classes=tuple(classes),
        scores=(low / 100, high / 100),
        pixels=(None if least is None else int(least), None if most is None else int(most)),
        cell=cell,
        text=text,
    )


def closely(name: str, table: ImageTable, ids: list[str]) -> None:
    """Show one image: image, truth, prediction, errors, and its numbers."""
    image_id = st.session_state.get("results.image", st.query_params.get("image"))
    if image_id not in table.ids:
        st.query_params.pop("image", None)
        return
    st.query_params["image"] = image_id
    place = table.ids.index(image_id)
    at = ids.index(image_id) if image_id in ids else -1

    def go(target: str | None) -> None:
        st.session_state["results.image"] = target
        if target is None:
            st.query_params.pop("image", None)

    with st.container(border=True, key="closely"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(image_id, anchor=False)
            before = ids[at - 1] if at > 0 else None
            after = ids[at + 1] if 0 <= at < len(ids) - 1 else None
            for text, to, arrow, key in (
                ("Previous", before, "Left", "results.before"),
                ("Next image", after, "Right", "results.after"),
            ):
                st.button(text, on_click=go, args=(to,), disabled=to is None, shortcut=arrow, key=key)
            st.button("Close", on_click=go, args=(None,), shortcut="Esc", key="results.close")
        opacity = st.slider("Opacity of masks", 0.0, 1.0, 0.45, 0.05, key="results.opacity", width=320)
        drawn = tiles(case_of(name, image_id), opacity=opacity)
        for column, (title, picture) in zip(st.columns(len(drawn), gap="small"), drawn.items(), strict=True):
            column.image(picture, caption=title, width="stretch")
        st.caption(ERRORS)
        numbers = {f"{SCORES[table.kind]}, %": percent(float(table.score[place]))}
        for each, value in zip(table.class_names, table.class_scores[place].tolist(), strict=True):
            if value == value:
                numbers[f"{each}, %"] = percent(value)
        for key, values in table.ranks.items():
            if values[place] == values[place]:
                numbers[key] = f"{values[place]:,.0f}" if values[place] >= 100 else f"{values[place]:.3g}"
        st.dataframe(pd.DataFrame([numbers]), hide_index=True)


def browse(name: str, run: Run, table: ImageTable, ids: list[str], show: str) -> None:
    """Show a page of images, and what to do with the ticked ones."""
    ticked = st.session_state.setdefault("results.picks", {}).setdefault(name, set())
    place = {image_id: number for number, image_id in enumerate(table.ids)}

    def caption(image_id: str) -> str:
        return f"{percent(float(table.score[place[image_id]]))} %"

    def open_image(image_id: str) -> None:
        st.session_state.update({"results.image": image_id, "results.opened": True})

    shown = gallery(
        ids,
        key="results",
        picture=lambda image_id: thumb(name, image_id, show),
        caption=caption,
        on_open=open_image,
        ticked=ticked,
    )
    if not ids:
        st.info("No image is like that.")
    with st.container(horizontal=True):
        st.button("Tick this page", on_click=ticked.update, args=(shown,))
        st.button(f"Tick all {len(ids):,}", on_click=ticked.update, args=(ids,))
        st.button("Untick all", on_click=ticked.clear, disabled=not ticked)
    if ticked:
        keep(name, run, [each for each in table.ids if each in ticked])


def keep(name: str, run: Run, ids: list[str]) -> None:
    """Offer the ticked images as a LIST, and the commands that go on from there."""
    title = f"{name}: {len(ids)} images, picked by hand"
    with st.container(border=True, key="keep"):
        st.write(f"**{len(ids):,} ticked**")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            listed = list_name(st.text_input("Name of the LIST", "picked", key="results.list", width=220))
            again = st.checkbox("may be replaced", key="results.replace")
            save = st.button("Save LIST", type="primary")
            st.download_button(
                "Download LIST",
                list_text(ids, title=title),
                f"{listed}.txt",
                "text/plain",
                on_click="ignore",
            )
        if save:
            with told():
                path = save_list(ids, folder=shelf().work_dirs, name=listed, title=title, replace=again)
                st.success(f"Saved: {path}")
        path = Path(shelf().work_dirs) / LISTS / f"{listed}.txt"
        root = shelf().data_root(run) or run.data_root
        where = {"data": root.resolve(), "run": run.folder, "split": str(run.meta["split"])}
        if path.is_file() and knows_cvat(os.environ) and st.button("Push the LIST to CVAT"):
            push(push_words(path, **where))
        for what, line in commands(path, **where).items():
            st.caption(what)
            st.code(line, language="bash", wrap_lines=True)


def push(words: list[str]) -> None:
    """Run the tool, as a user would, and say what it says; secrets stay in the environment."""
    tool = [sys.executable, str(ROOT / words[0]), *words[1:]]
    told: deque[str] = deque(maxlen=LINES)
    with st.status("Pushing …", expanded=True) as status:
        place = st.empty()
        with subprocess.Popen(
            tool,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as running:
            for line in running.stdout or ():
                told.append(line.rstrip())
                place.code("\n".join(told), language=None, wrap_lines=True)
        if not told:
            place.code("nothing was said", language=None)
        good = running.returncode == 0
        status.update(label="Pushed" if good else "Not pushed", state="complete" if good else "error")


main()
