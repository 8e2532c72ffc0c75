"""What the stand-in answers with: the fields of CVAT's models that the SDK wants to see."""

from __future__ import annotations

from typing import Any

from tests.cvat.standin.state import Job, Json, Label, Project, Shape, State, Task

WHEN = "2026-11-20T10:00:00Z"


def user(name: str | None) -> Json | None:
    """Return a user, or None for nobody."""
    if name is None:
        return None
    return {"url": "http://x/u", "id": 1, "username": name, "first_name": "", "last_name": ""}


def storage() -> Json:
    """Return where exports go: to whoever asks."""
    return {"id": 1, "location": "local", "cloud_storage_id": None}


def page(results: list[Json], number: int, size: int) -> Json:
    """Return one page of a list."""
    begin = (number - 1) * size
    more = f"http://x/?page={number + 1}" if begin + size < len(results) else None
    return {"count": len(results), "next": more, "previous": None, "results": results[begin : begin + size]}


def project(state: State, each: Project) -> Json:
    """Return a project."""
    return {
        "url": f"http://x/api/projects/{each.id}",
        "id": each.id,
        "name": each.name,
        "owner": user("anna"),
        "assignee": None,
        "guide_id": None,
        "bug_tracker": "",
        "task_subsets": [],
        "created_date": WHEN,
        "updated_date": WHEN,
        "status": "annotation",
        "dimension": "2d",
        "organization": state.organizations[each.organization],
        "target_storage": storage(),
        "source_storage": storage(),
        "tasks": {"count": 0, "url": "http://x"},
        "labels": {"url": "http://x"},
        "assignee_updated_date": None,
    }


def task(state: State, each: Task) -> Json:
    """Return a task."""
    done = sum(job.state == "completed" for job in each.jobs)
    data = {  # of a task without images the server says none of it
        "segment_size": each.segment_size or len(each.frames),
        "data_chunk_size": None,
        "size": len(each.frames),
        "image_quality": 95,
    }
    return {
        **(data if each.frames else {}),
        "url": f"http://x/api/tasks/{each.id}",
        "id": each.id,
        "name": each.name,
        "project_id": each.project_id,
        "mode": "annotation" if each.frames else "",
        "owner": user("anna"),
        "assignee": None,
        "bug_tracker": "",
        "created_date": WHEN,
        "updated_date": WHEN,
        "overlap": None,
        "status": "annotation",
        "data": each.id if each.frames else None,
        "dimension": "2d",
        "subset": "",
        "organization": state.organizations[each.organization],
        "target_storage": storage(),
        "source_storage": storage(),
        "jobs": {"count": len(each.jobs), "completed": done, "validation": 0, "url": "http://x"},
        "labels": {"url": "http://x"},
        "guide_id": None,
        "assignee_updated_date": None,
        "validation_mode": None,
    }


def label(each: Label, of: Task | Project) -> Json:
    """Return a label."""
    attributes = [
        {
            "id": spec["id"],
            "name": spec["name"],
            "mutable": spec["mutable"],
            "input_type": spec["input_type"],
            "default_value": spec.get("default_value", ""),
            "values": spec["values"],
        }
        for spec in each.attributes
    ]
    owner = {"project_id": of.id} if isinstance(of, Project) else {"task_id": of.id}
    return {
        "id": each.id,
        "name": each.name,
        "color": each.color,
        "type": each.type,
        "attributes": attributes,
        "sublabels": [],
        "has_parent": False,
        "parent_id": None,
        **owner,
    }


def job(state: State, each: Job, of: Task) -> Json:
    """Return a job."""
    return {
        "url": f"http://x/api/jobs/{each.id}",
        "id": each.id,
        "task_id": of.id,
        "project_id": of.project_id,
        "assignee": user(each.assignee),
        "guide_id": None,
        "dimension": "2d",
        "mode": "annotation",
        "bug_tracker": None,
        "status": "annotation",
        "stage": each.stage,
        "state": each.state,
        "frame_count": each.stop - each.start + 1,
        "start_frame": each.start,
        "stop_frame": each.stop,
        "data_chunk_size": None,
        "created_date": WHEN,
        "updated_date": WHEN,
        "type": "annotation",
        "organization": state.organizations[of.organization],
        "target_storage": storage(),
        "source_storage": storage(),
        "issues": {"count": 0, "url": "http://x"},
        "labels": {"url": "http://x"},
        "assignee_updated_date": None,
        "parent_job_id": None,
    }


def meta(each: Task) -> Json:
    """Return a task's frames."""
    return {
        "chunks_updated_date": WHEN,
        "chunk_size": 36,
        "size": len(each.frames),
        "image_quality": 95,
        "start_frame": 0,
        "stop_frame": max(len(each.frames) - 1, 0),
        "frame_filter": "",
        "frames": [
            {
                "name": frame.name,
                "width": frame.width,
                "height": frame.height,
                "related_files": 0,
                "has_related_context": False,
            }
            for frame in each.frames
        ],
        "deleted_frames": each.deleted_frames,
        "included_frames": None,
        "storage": "local",
        "cloud_storage_id": None,
    }


def annotations(each: Task) -> Json:
    """Return what is drawn in a task."""
    return {
        "version": 0,
        "tags": [_tag(shape) for shape in each.shapes if shape.type == "tag"],
        "shapes": [_shape(shape) for shape in each.shapes if shape.type != "tag"],
        "tracks": [],
    }


def _tag(shape: Shape) -> Json:
    values: list[Any] = [{"spec_id": spec, "value": text} for spec, text in shape.attributes.items()]
    return {
        "id": shape.id,
        "frame": shape.frame,
        "label_id": shape.label_id,
        "group": shape.group,
        "source": shape.source,
        "attributes": values,
    }


def _shape(shape: Shape) -> Json:
    return {
        **_tag(shape),
        "type": shape.type,
        "points": shape.points,
        "occluded": shape.occluded,
        "outside": False,
        "z_order": shape.z_order,
        "rotation": shape.rotation,
        "elements": [],
    }
