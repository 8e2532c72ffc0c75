"""CVAT for images 1.1 as the stand-in reads and writes it: what the real server keeps, drops and rounds."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as Xml

from tests.cvat.standin.state import Failed, Label, Shape, State, Task

EXPORT, IMPORT = "CVAT for images 1.1", "CVAT 1.1"


def import_annotations(state: State, task: Task, data: bytes) -> None:
    """Replace all of a task's annotations; a file that cannot be taken leaves the old ones."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(next(name for name in archive.namelist() if name.endswith(".xml")))
    try:
        root = Xml.fromstring(data)
    except Xml.ParseError as error:
        raise Failed(f"Failed to import dataset: {error}") from None
    labels = {label.name: label for label in state.labels_of(task)}
    shapes = []
    for image in root.iter("image"):
        number = state.find_frame(task, image.get("name") or "", image.get("id"))
        for element in image:
            name = element.get("label") or ""
            if name not in labels:
                raise Failed(f"ValueError: Label '{name}' is not registered for this task")
            shapes.append(_shape(state, element, number, labels[name]))
    task.shapes = shapes


def _shape(state: State, element: Xml.Element, frame: int, label: Label) -> Shape:
    said = element.attrib
    specs = {each["name"]: each["id"] for each in label.attributes}
    kind, points = element.tag, []
    if kind == "mask":
        left, top, width, height = (int(said[name]) for name in ("left", "top", "width", "height"))
        points = [float(each) for each in said["rle"].split(",")]
        points += [left, top, left + width - 1, top + height - 1]
    elif kind == "box":
        kind = "rectangle"
        points = [float(said[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
    elif kind == "ellipse":
        x, y, wide, high = (float(said[name]) for name in ("cx", "cy", "rx", "ry"))
        points = [x, y, round(x + wide, 2), round(y - high, 2)]
    elif kind in ("polygon", "polyline", "points"):
        points = [float(each) for pair in said["points"].split(";") for each in pair.split(",")]
    elif kind != "tag":
        raise Failed(f"ValueError: unknown shape {kind}")
    return Shape(
        state.new_id(),
        frame,
        label.id,
        kind,
        points,
        z_order=int(said.get("z_order", 0)),
        group=int(said.get("group_id", 0)),
        occluded=said.get("occluded") == "1",
        rotation=float(said.get("rotation", 0)),
        source="file",
        # what the label does not declare is dropped without a word, and so are blanks at the ends of a value
        attributes={
            specs[each.get("name")]: _value(each.text or "", label, each.get("name"))
            for each in element.iter("attribute")
            if each.get("name") in specs
        },
    )


def _value(text: str, label: Label, name: str | None) -> str:
    kind = next(each["input_type"] for each in label.attributes if each["name"] == name)
    if kind == "checkbox":
        if text.lower() not in ("true", "false"):
            raise Failed(f"Exception: Failed to convert attribute '{label.name}'='{text}': ")
        return text.lower()
    return text.strip()


def export_annotations(state: State, task: Task, *, turn: int, images: bool) -> bytes:
    """Return the zip that the server makes; shapes of a frame stand in no order that anybody may rely on."""
    labels = {label.id: label for label in state.labels_of(task)}
    root = Xml.Element("annotations")
    Xml.SubElement(root, "version").text = "1.1"
    inner = Xml.SubElement(Xml.SubElement(root, "meta"), "task")
    Xml.SubElement(inner, "id").text = str(task.id)
    Xml.SubElement(inner, "name").text = task.name
    Xml.SubElement(inner, "size").text = str(len(task.frames))
    listed = Xml.SubElement(inner, "labels")
    for label in labels.values():
        _declare(listed, label)
    for number, frame in enumerate(task.frames):
        if number in task.deleted_frames:
            continue
        image = Xml.SubElement(root, "image", id=str(number), name=frame.name)
        image.set("width", str(frame.width))
        image.set("height", str(frame.height))
        here = [shape for shape in task.shapes if shape.frame == number and shape.label_id in labels]
        cut = turn % max(len(here), 1)
        for shape in here[cut:] + here[:cut]:
            _element(image, shape, labels[shape.label_id])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("annotations.xml", Xml.tostring(root, encoding="utf-8", xml_declaration=True))
        for frame in task.frames if images else ():
            archive.writestr(f"images/{frame.name}", frame.data)
    return packed.getvalue()


def _declare(listed: Xml.Element, label: Label) -> None:
    node = Xml.SubElement(listed, "label")
    for name, text in (("name", label.name), ("color", label.color), ("type", label.type)):
        Xml.SubElement(node, name).text = text
    specs = Xml.SubElement(node, "attributes")
    for each in label.attributes:
        spec = Xml.SubElement(specs, "attribute")
        Xml.SubElement(spec, "name").text = each["name"]
        Xml.SubElement(spec, "mutable").text = str(each["mutable"])
        Xml.SubElement(spec, "input_type").text = each["input_type"]
        Xml.SubElement(spec, "default_value").text = each.get("default_value", "")
        Xml.SubElement(spec, "values").text = "\n".join(each["values"])


def _element(image: Xml.Element, shape: Shape, label: Label) -> None:
    points = shape.points
    if shape.type == "tag":
        node = Xml.SubElement(image, "tag", label=label.name, source=shape.source)
    else:
        tag = {"rectangle": "box"}.get(shape.type, shape.type)
        node = Xml.SubElement(image, tag, label=label.name, source=shape.source)
        node.set("occluded", str(int(shape.occluded)))
    if shape.type == "mask":
        left, top, right, bottom = (int(each) for each in points[-4:])
        node.set("rle", ", ".join(str(int(each)) for each in points[:-4]))
        for name, value in zip(
            ("left", "top", "width", "height"), (left, top, right - left + 1, bottom - top + 1), strict=True
        ):
            node.set(name, str(value))
    elif shape.type == "rectangle":
        for name, value in zip(("xtl", "ytl", "xbr", "ybr"), points, strict=True):
            node.set(name, f"{value:.2f}")
    elif shape.type == "ellipse":
        x, y, right, top = points
        for name, value in zip(("cx", "cy", "rx", "ry"), (x, y, right - x, y - top), strict=True):
            node.set(name, f"{value:.2f}")
    elif shape.type != "tag":
        pairs = zip(points[::2], points[1::2], strict=True)
        node.set("points", ";".join(f"{x:.2f},{y:.2f}" for x, y in pairs))
    if shape.rotation:
        node.set("rotation", f"{shape.rotation:.2f}")
    if shape.type != "tag":
        node.set("z_order", str(shape.z_order))
    if shape.group:
        node.set("group_id", str(shape.group))
    for each in label.attributes:  # what a shape has no value for gets the default
        text = shape.attributes.get(each["id"], each.get("default_value", ""))
        Xml.SubElement(node, "attribute", name=each["name"]).text = text
