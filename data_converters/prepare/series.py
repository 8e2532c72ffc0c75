"""Tells by names which images are of one video or one patient, so that their likes are in one split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

OF_ONE = "video clip vid seq sequence scene patient subject case volume slide"
_THING = rf"(?:{'|'.join(OF_ONE.split())})s?"
# video_03/0001, seq05vd_f02370, patient7_slice12: a word of such a thing and its number or name
_NUMBERED = re.compile(rf"^(.*?(?:^|[/_ .-]){_THING}[-_ ]?\d+[a-z]*)(?=[/_ .-])")
_FOLDER = re.compile(rf"^(.*?(?:^|[/_ .-]){_THING}(?:[_ .-][^/]*)?/[^/]+)/")  # videos/harbour/0001
_FRAME = re.compile(r"^(.*?)[-_ .]?(?:frame|frm)[-_ .]*\d+")  # harbour_frame_000012, harbour/frame_000012
_HEAD = re.compile(r"^(.+?)[-_ ][a-z]?\d+$")  # 0001tp_006690
HINT = r"'(.+)[-_ ]'"  # a regex for --group-by
MOST_SERIES = 3  # images a series, that names make us ask whether it is one


def clip_of(image_id: str) -> str:
    """Return what an image's path says that it is of: a video, a patient; itself if it says nothing.

    >>> clip_of("clip3/frame_000012"), clip_of("Patient7_slice_12"), clip_of("video_003")
    ('clip3', 'patient7', 'video_003')
    """
    name = image_id.casefold()
    for way in (_NUMBERED, _FOLDER, _FRAME):
        if (found := way.match(name)) and (thing := found[1].rstrip("/_ .-")):
            return thing
    return image_id


def clips_of(ids: Sequence[str]) -> list[str] | None:
    """Return the video or patient of each image; None where names tell none, or one for all."""
    found = [clip_of(image_id) for image_id in ids]
    count = len(set(found))
    return found if 1 < count < len(ids) else None


def asked_of(ids: Sequence[str]) -> str:
    """Return a question to the user, where names begin alike in a way that may mean something; or nothing."""
    heads = Counter(match[1] for image_id in ids if (match := _HEAD.match(image_id.casefold())))
    if sum(heads.values()) < len(ids) or not 1 < len(heads) <= len(ids) / MOST_SERIES:
        return ""
    some = ", ".join(f"{name} ({count})" for name, count in list(heads.items())[:3])
    return (
        f"Names begin in {len(heads)} ways: {some}{' …' if len(heads) > 3 else ''}. If these are videos, "
        f"patients or places, --group-by {HINT} keeps the images of each in one split."
    )
