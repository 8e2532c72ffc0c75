"""The app's pages, run without a browser: what is shown, what a click changes, what is refused."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit")
import numpy as np
import streamlit
from PIL import Image
from streamlit.testing.v1 import AppTest

from segloop.app.picks import LISTS
from segloop.data.info import DatasetInfo
from segloop.data.layout import read_list
from tests.analysis.runs_made import write_run
from tests.app.models_made import write_work_dir
from tests.app.test_images import IMAGES
from tests.cvat.standin.server import running

APP = Path(__file__).resolve().parents[3] / "supplementary/app/app.py"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # streamlit's own, of others' packages


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an empty runs folder and an empty data folder."""
    for name in ("work_dirs", "data"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"SEGLOOP_{name.upper()}", str(tmp_path / name))
    yield tmp_path
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()


def page(name: str) -> AppTest:
    """Open a page of the app."""
    app = AppTest.from_file(APP, default_timeout=60).run()
    app = app if name == "try_it.py" else app.switch_page(name).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "error", "subheader", "code")
    return "\n".join(each.value for kind in kinds for each in app.get(kind))


def opened(app: AppTest) -> list[str]:
    """Return the images on the page of pictures."""
    return [
        each.key.removeprefix("results_open.")
        for each in app.button
        if (each.key or "").startswith("results_open.")
    ]


@pytest.mark.parametrize("name", ["try_it.py", "results.py", "compare.py", "data.py", "loop.py"])
def test_each_page_says_what_to_do_where_there_is_nothing_yet(name: str, top: Path) -> None:
    assert "python tools/" in texts(page(name)) or name == "compare.py"


def test_results_open_images_filter_them_and_keep_ticked_ones_as_a_list(top: Path) -> None:
    write_run(top, IMAGES)
    app = page("results.py")
    assert opened(app) == ["mixed", "half", "good", "empty"]
    app.multiselect(key="results.classes").select("bar").run()
    assert opened(app) == ["mixed", "half"]
    app.button(key="results_open.half").click().run()
    assert "half" in [each.value for each in app.subheader]
    app.button(key="results.before").click().run()
    assert "mixed" in [each.value for each in app.subheader]
    app.checkbox(key="results.tick.half").check().run()
    app.multiselect(key="results.classes").set_value([]).run()
    app.checkbox(key="results.tick.good").check().run()
    app.text_input(key="results.list").input("my pick").run()
    next(each for each in app.button if each.label == "Save LIST").click().run()
    assert not app.exception
    assert read_list(top / "work_dirs" / LISTS / "my pick.txt") == ["good", "half"]
    next(each for each in app.button if each.label == "Save LIST").click().run()
    assert "exists" in app.error[0].value


def test_commands_name_the_list_that_was_saved(top: Path) -> None:
    write_run(top, IMAGES)
    app = page("results.py")
    app.checkbox(key="results.tick.half").check().run()
    app.text_input(key="results.list").input("hard.txt").run()
    next(each for each in app.button if each.label == "Save LIST").click().run()
    lists = [Path(word) for each in app.code for word in shlex.split(each.value) if "lists" in word]
    assert lists == [top / "work_dirs" / LISTS / "hard.txt"] * 2
    assert read_list(lists[0]) == ["half"]


def test_a_loop_is_shown_with_its_tasks_its_people_and_what_changed(top: Path) -> None:
    loop, diff = top / "work_dirs/cvat/ships", top / "work_dirs/diff/ships"
    (loop / "pulled/truth").mkdir(parents=True)
    diff.mkdir(parents=True)
    task = {"key": "truth-001", "kind": "truth", "state": "verified", "frames": [{}, {}], "id": 7}
    record = {"host": "https://cvat.example", "name": "ships", "project_id": 3, "tasks": [task]}
    (loop / "manifest.json").write_text(json.dumps(record))
    images = [
        {"image_id": "a", "assignee": "ann", "looked_at": True, "added": 2},
        {"image_id": "b", "assignee": "ann", "looked_at": False},
    ]
    (loop / "pulled/truth/pull.json").write_text(json.dumps({"images": images}))
    (diff / "diff.json").write_text(json.dumps({"images": {"changed": 1, "no change": 1}}))
    (diff / "images.csv").write_text("image_id,state,iou\na,changed,0.5\nb,no change,\n")
    app = page("loop.py")
    assert [each.value for each in app.subheader] == ["ships", "What changed: diff/ships"]
    told = {each.label: each.value for each in app.metric}
    assert (told["images sent"], told["pulled"], told["looked at"]) == ("2", "2", "1")
    assert told["images changed"] == "1 of 2"
    tasks, people, _, changed = (each.value for each in app.dataframe)
    assert tasks["address"].tolist() == ["https://cvat.example/tasks/7"]
    assert people.to_numpy().tolist() == [["ann", 2, 1, 2]]
    assert changed["image_id"].tolist() == ["a"]
    app.toggle[0].set_value(True).run()
    assert app.dataframe[3].value["image_id"].tolist() == ["a", "b"]
    assert f"python tools/cvat.py pull {loop}" in texts(app)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ticked_images_are_pushed_to_cvat_by_a_button(
    top: Path, tiny_master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cvat_sdk")
    shutil.copytree(tiny_master, top / "data/multiclass")
    files = sorted((tiny_master / "ann_dir/test").glob("*.png"))
    labels = DatasetInfo.read(tiny_master).class_names
    truths = {file.stem: np.asarray(Image.open(file)) for file in files}
    write_run(
        top,
        {name: (mask, mask) for name, mask in truths.items()},
        names=labels,
        data={"name": "multiclass", "root": "../../../../data/multiclass"},
    )
    with running() as server:
        monkeypatch.setenv("CVAT_HOST", server.url)
        app = page("results.py")
        next(each for each in app.button if each.label == "Tick this page").click().run()
        next(each for each in app.button if each.label == "Save LIST").click().run()
        assert not any(each.label == "Push the LIST to CVAT" for each in app.button), "nobody said who asks"
        monkeypatch.setenv("CVAT_ACCESS_TOKEN", "token-of-anna")
        app.run()
        next(each for each in app.button if each.label == "Push the LIST to CVAT").click().run()
        assert not app.exception
        assert app.get("status")[0].label == "Pushed", texts(app)
        sent = [frame.name for task in server.state.tasks.values() for frame in task.frames]
        assert {Path(name).stem for name in sent} == set(truths)
        assert "token-of-anna" not in texts(app)


def test_a_cell_of_the_confusion_opens_its_images(top: Path) -> None:
    write_run(top, IMAGES)
    app = page("results.py")
    app.selectbox(key="results.true").select("bar").run()
    app.selectbox(key="results.predicted").select("disc").run()
    assert opened(app) == ["mixed"]
    next(each for each in app.button if each.label == "All images").click().run()
    assert len(opened(app)) == 4


def test_results_of_many_classes_are_shown(top: Path) -> None:
    write_run(top, IMAGES, names=[f"class {number}" for number in range(520)])
    app = page("results.py")
    app.selectbox(key="results.true").select("class 2").run()
    app.selectbox(key="results.predicted").select("class 1").run()
    assert opened(app) == ["mixed"]


def test_many_images_come_a_page_at_a_time(top: Path) -> None:
    write_run(top, {f"{number:03d}": IMAGES["half"] for number in range(30)})
    app = page("results.py")
    assert len(opened(app)) == 24
    app.button(key="results.next").click().run()
    assert opened(app) == [f"{number:03d}" for number in range(24, 30)]
    app.text_input(key="results.text").input("7").run()
    assert opened(app) == ["007", "017", "027"]


def test_a_picture_that_is_gone_costs_its_place_and_not_the_page(top: Path) -> None:
    write_run(top, IMAGES)
    (top / "data/img/half.png").rename(top / "half.png")
    app = page("results.py")
    assert len(opened(app)) == 4
    assert "half.png is missing" in texts(app)
    (top / "half.png").rename(top / "data/img/half.png")
    app.run()
    assert "half.png is missing" not in texts(app)


def test_the_address_is_that_of_the_run_and_the_image_that_are_shown(top: Path) -> None:
    write_run(top, IMAGES)
    write_run(top / "more", {"other": IMAGES["half"]}, finished="2099-01-01T00:00:00Z")
    (top / "more/work_dirs/net").rename(top / "work_dirs/other")
    app = page("results.py")
    for name in ("net/test-last", "other/test-last"):
        app.selectbox(key="results.run").select(name).run()
        assert app.query_params == {"run": name}
        image = opened(app)[0]
        app.button(key=f"results_open.{image}").click().run()
        assert app.query_params == {"run": name, "image": image}


def test_a_damaged_run_is_told_in_words(top: Path) -> None:
    run = write_run(top, IMAGES)
    (run.folder / "per_image.csv.gz").unlink()
    assert "has lost" in texts(page("results.py"))


def test_two_runs_are_compared(top: Path) -> None:
    write_run(top, IMAGES)
    truth = {name: (each[0], each[1] if each[0] is None else each[0]) for name, each in IMAGES.items()}
    write_run(top / "more", truth)
    (top / "more/work_dirs/net").rename(top / "work_dirs/other")
    app = page("compare.py")
    app.multiselect(key="compare.runs").set_value(["net/test-last", "other/test-last"]).run()
    assert not app.exception
    assert not app.error
    assert app.subheader[0].value.startswith("A and B:")
    assert len(app.dataframe) >= 2


def test_a_data_set_is_shown_with_its_labels_and_an_image_closely(top: Path, tiny_master: Path) -> None:
    (top / "data/tiny").symlink_to(tiny_master)
    app = page("data.py")
    assert {each.label: each.value for each in app.metric}["images"] == "8"
    names = [each.key for each in app.button if (each.key or "").startswith("data_open.")]
    app.button(key=names[0]).click().run()
    assert not app.exception
    assert app.subheader[0].value == names[0].removeprefix("data_open.")


def test_labels_that_are_written_anew_are_shown(top: Path, tiny_master: Path) -> None:
    root = top / "data/tiny"
    shutil.copytree(tiny_master, root)
    app = page("data.py")
    masks = root / f"ann_dir/{next(iter(DatasetInfo.read(root).splits))}"
    before = [each.key for each in app.button if (each.key or "").startswith("data_open.")]
    lost = sorted(masks.rglob("*.png"))[0]
    for file in (lost, root / lost.relative_to(root).as_posix().replace("ann_dir", "img_dir", 1)):
        file.unlink()
    app.run()
    assert not app.exception
    after = [each.key for each in app.button if (each.key or "").startswith("data_open.")]
    assert after == [key for key in before if not key.endswith(f".{lost.stem}")]
    assert len(after) == len(before) - 1


def test_dropped_images_are_predicted_and_offered(top: Path, tiny_master: Path) -> None:
    write_work_dir(top / "work_dirs", tiny_master)
    picture = sorted((tiny_master / "img_dir/val").glob("*.png"))[0]
    app = page("try_it.py")
    uploader = app.file_uploader(key="try.files")
    uploader.upload(picture.name, picture.read_bytes(), "image/png")
    uploader.upload("x.png", b"no", "image/png")
    app.run()
    assert not app.exception
    assert not app.error
    assert "not an image" in app.warning[0].value
    assert {each.label for each in app.get("download_button")} == {
        "Picture (PNG)",
        "Mask (PNG)",
        "COCO",
        "CVAT",
        "Table (CSV)",
    }


def test_the_app_listens_to_this_machine_alone_and_tells_nobody() -> None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib

        config = tomllib.loads((APP.parent / ".streamlit/config.toml").read_text(encoding="utf-8"))
        assert config["server"]["address"] == "localhost"
        assert config["browser"]["gatherUsageStats"] is False
        assert config["server"]["enableXsrfProtection"] is True


def test_the_sign_of_the_page_is_made_here() -> None:
    source = APP.read_text(encoding="utf-8")
    assert 'page_icon=":material' not in source, "it would be fetched from a server of Google's"
