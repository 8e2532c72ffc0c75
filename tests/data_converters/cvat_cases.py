"""CVAT's XML as its servers write it, by hand, and short ways to read and write it in tests."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_converters import cvat
from data_converters.base import ReadOptions, Rendered, WriteOptions
from segloop.data.annotations import ImageRecord, Label, LabelledImages, LabelSet
from segloop.data.png import encode_rgb

# A task as server 2.23 dumps it: meta with segments and owner, two decimals, an empty line in each shape.
TASK = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id>
      <name>relabel &amp; co</name>
      <size>2</size>
      <mode>annotation</mode>
      <overlap>0</overlap>
      <bugtracker></bugtracker>
      <created>2024-12-19 10:00:00.000000+00:00</created>
      <updated>2024-12-19 10:00:01.000000+00:00</updated>
      <subset>train</subset>
      <start_frame>0</start_frame>
      <stop_frame>1</stop_frame>
      <frame_filter></frame_filter>
      <segments>
        <segment>
          <id>1</id>
          <start>0</start>
          <stop>1</stop>
          <url>http://localhost:8080/api/jobs/1</url>
        </segment>
      </segments>
      <owner>
        <username>u</username>
        <email></email>
      </owner>
      <assignee></assignee>
      <labels>
        <label>
          <name>road</name>
          <color>#ff0000</color>
          <type>any</type>
          <attributes>
            <attribute>
              <name>quality</name>
              <mutable>False</mutable>
              <input_type>select</input_type>
              <default_value>ok</default_value>
              <values>ok
bad</values>
            </attribute>
            <attribute>
              <name>lanes</name>
              <mutable>True</mutable>
              <input_type>number</input_type>
              <default_value>1</default_value>
              <values>1
8
1</values>
            </attribute>
            <attribute>
              <name>wet</name>
              <mutable>False</mutable>
              <input_type>checkbox</input_type>
              <default_value>false</default_value>
              <values>false</values>
            </attribute>
            <attribute>
              <name>uid</name>
              <mutable>False</mutable>
              <input_type>text</input_type>
              <default_value></default_value>
              <values></values>
            </attribute>
          </attributes>
        </label>
        <label>
          <name>car: small</name>
          <color>#00fF7f</color>
          <type>mask</type>
          <attributes>
          </attributes>
        </label>
        <label>
          <name>person</name>
          <color>#0000ff</color>
          <type>skeleton</type>
          <attributes>
          </attributes>
          <svg>&lt;circle r="0.75" cx="10" cy="20" data-label-name="head"&gt;&lt;/circle&gt;</svg>
        </label>
        <label>
          <name>head</name>
          <color>#112233</color>
          <type>points</type>
          <attributes>
          </attributes>
          <parent>person</parent>
        </label>
      </labels>
    </task>
    <dumped>2024-12-19 10:00:02.000000+00:00</dumped>
  </meta>
  <image id="0" name="sub/img 0.png" width="8" height="6">
    <mask label="road" source="manual" occluded="0" \
rle="5, 5, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 2" left="2" top="0" width="6" height="5" z_order="0" group_id="3">
      <attribute name="quality">bad</attribute>
      <attribute name="lanes">2</attribute>
      <attribute name="wet">true</attribute>
      <attribute name="uid">a-1</attribute>
    </mask>
    <polygon label="car: small" source="file" occluded="1" points="2.00,1.00;6.00,1.00;6.00,5.00" z_order="1">
    </polygon>
    <box label="road" source="auto" occluded="0" xtl="1.00" ytl="1.00" xbr="5.00" ybr="4.25" z_order="0">
      <attribute name="quality">ok</attribute>
      <attribute name="lanes"></attribute>
      <attribute name="wet">false</attribute>
      <attribute name="uid"></attribute>
    </box>
    <box label="road" source="manual" occluded="0" \
xtl="1.00" ytl="1.00" xbr="5.00" ybr="4.00" rotation="33.50" z_order="0">
    </box>
    <ellipse label="road" source="manual" occluded="0" cx="4.00" cy="3.00" rx="2.00" ry="1.50" z_order="0">
    </ellipse>
    <polyline label="road" source="manual" occluded="0" points="0.00,0.00;8.00,6.00" z_order="2">
    </polyline>
    <points label="road" source="manual" occluded="0" points="1.00,1.00" z_order="0">
    </points>
    <cuboid label="road" source="manual" occluded="0" xtl1="1.00" ytl1="1.00" xbl1="1.00" ybl1="4.00" \
xtr1="3.00" ytr1="1.00" xbr1="3.00" ybr1="4.00" xtl2="5.00" ytl2="1.00" xbl2="5.00" ybl2="4.00" \
xtr2="4.00" ytr2="1.00" xbr2="4.00" ybr2="4.00" z_order="0">
    </cuboid>
    <skeleton label="person" source="manual" z_order="0">
      <points label="head" source="manual" outside="0" occluded="1" points="2.50,3.00">
      </points>
    </skeleton>
    <tag label="road" source="manual">
      <attribute name="quality">ok</attribute>
    </tag>
  </image>
  <image id="1" name="sub/пустой [1].png" width="8" height="6">
  </image>
</annotations>
"""

# A project as server 2.73 dumps it: tasks and subsets in meta, and a subset and a task at each image.
PROJECT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <project>
      <id>3</id>
      <name>all</name>
      <bugtracker></bugtracker>
      <created>2026-08-01 10:00:00.000000+00:00</created>
      <updated>2026-08-01 10:00:01.000000+00:00</updated>
      <tasks>
        <task>
          <id>11</id>
          <name>one</name>
          <size>1</size>
          <mode>annotation</mode>
          <subset>train</subset>
        </task>
        <task>
          <id>12</id>
          <name>two</name>
          <size>1</size>
          <mode>annotation</mode>
          <subset>val</subset>
        </task>
      </tasks>
      <subsets>train
val</subsets>
      <owner>
        <username>u</username>
        <email></email>
      </owner>
      <assignee></assignee>
      <labels>
        <label>
          <name>cell</name>
          <color>#33ddff</color>
          <type>mask</type>
          <attributes>
          </attributes>
        </label>
      </labels>
    </project>
    <dumped>2026-08-01 10:00:02.000000+00:00</dumped>
  </meta>
  <image id="0" name="a.png" subset="train" task_id="11" width="8" height="6">
    <mask label="cell" source="manual" occluded="0" \
rle="0, 4" left="0" top="0" width="2" height="2" z_order="0">
    </mask>
  </image>
  <image id="0" name="a.png" subset="val" task_id="12" width="8" height="6">
  </image>
</annotations>
"""

# A task of a video: tracks, each frame of each written down; the second object leaves after frame 1.
VIDEO = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>9</id>
      <name>clip</name>
      <size>4</size>
      <mode>interpolation</mode>
      <overlap>5</overlap>
      <subset>default</subset>
      <start_frame>0</start_frame>
      <stop_frame>3</stop_frame>
      <frame_filter></frame_filter>
      <labels>
        <label>
          <name>car</name>
          <color>#ff00ff</color>
          <type>any</type>
          <attributes>
            <attribute>
              <name>side</name>
              <mutable>True</mutable>
              <input_type>radio</input_type>
              <default_value>left</default_value>
              <values>left
right</values>
            </attribute>
          </attributes>
        </label>
      </labels>
      <original_size>
        <width>20</width>
        <height>10</height>
      </original_size>
      <source>clip.mp4</source>
    </task>
    <dumped>2026-08-01 10:00:02.000000+00:00</dumped>
  </meta>
  <track id="0" label="car" source="manual" group_id="2">
    <box frame="0" keyframe="1" outside="0" occluded="0" \
xtl="0.00" ytl="0.00" xbr="4.00" ybr="4.00" z_order="0">
      <attribute name="side">left</attribute>
    </box>
    <box frame="1" keyframe="0" outside="0" occluded="0" \
xtl="1.00" ytl="0.00" xbr="5.00" ybr="4.00" z_order="0">
      <attribute name="side">left</attribute>
    </box>
    <box frame="2" keyframe="1" outside="0" occluded="1" \
xtl="2.00" ytl="0.00" xbr="6.00" ybr="4.00" z_order="1">
      <attribute name="side">right</attribute>
    </box>
    <box frame="3" keyframe="0" outside="0" occluded="1" \
xtl="2.00" ytl="0.00" xbr="6.00" ybr="4.00" z_order="1">
      <attribute name="side">right</attribute>
    </box>
  </track>
  <track id="1" label="car" source="auto">
    <mask frame="0" keyframe="1" outside="0" occluded="0" \
rle="1, 3" left="16" top="8" width="2" height="2" z_order="0">
      <attribute name="side">left</attribute>
    </mask>
    <mask frame="1" keyframe="1" outside="1" occluded="0" \
rle="1, 3" left="16" top="8" width="2" height="2" z_order="0">
      <attribute name="side">left</attribute>
    </mask>
  </track>
</annotations>
"""


def one_image(inside: str, *, labels: Sequence[str] = ("a",), head: str = 'width="8" height="6"') -> str:
    """Return a task with one image, `i.png`, that holds `inside`; its first line is line 3."""
    declared = "".join(f"<label><name>{name}</name><attributes/></label>" for name in labels)
    meta = f"<meta><task><labels>{declared}</labels></task></meta>"
    return f'<annotations>\n{meta}\n<image id="0" name="i.png" {head}>\n{inside}\n</image></annotations>'


def write_xml(folder: Path, text: str | bytes, name: str = "a.xml") -> Path:
    """Write a file."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def write_zip(folder: Path, members: Mapping[str, str | bytes], name: str = "a.zip") -> Path:
    """Write a zip."""
    file = folder / name
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file


def picture(width: int = 8, height: int = 6) -> bytes:
    """Return a PNG."""
    import numpy as np

    return encode_rgb(np.zeros((height, width, 3), np.uint8))


def read_text(folder: Path, text: str | bytes, **options: Any) -> LabelledImages:
    """Read XML."""
    return cvat.read(write_xml(folder, text), options=ReadOptions(**options))


def write_records(
    target: Path,
    records: Sequence[ImageRecord],
    labels: Sequence[Label | str] = ("a",),
    *,
    facts: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[list[Rendered], list[str]]:
    """Write records to a file; return what came of each, and the writer's remarks."""
    known = LabelSet(tuple(each if isinstance(each, Label) else Label(each) for each in labels))
    writer = cvat.writer(known, facts=facts or {}, options=WriteOptions(**options))
    rendered = [writer.render(record) for record in records]
    try:
        writer.open(target)
        for each in rendered:
            writer.add(each)
    finally:
        writer.close()
    return rendered, writer.told


def plain(record: ImageRecord) -> Any:
    """Return what a record holds, with its shapes as lists, so that two can be compared."""
    import dataclasses

    def of(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: of(getattr(value, each.name)) for each in dataclasses.fields(value)}
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, tuple | list):
            return [of(each) for each in value]
        return value

    return of(record)
