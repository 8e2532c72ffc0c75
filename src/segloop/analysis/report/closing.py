"""The last sections: limits, where the code is, and what was cited."""

from __future__ import annotations

from segloop.analysis.report.blocks import Block, Bullets, Content, Note, Paragraph, Part, code, link
from segloop.analysis.report.contents import Contents

FEW_IMAGES = 100


def limits(report: Contents) -> Part:
    """Return what these numbers do not say: of every report, of these RUNs, of the task."""
    facts = report.first
    told: list[Content] = []
    evidence = facts.evidence
    if evidence.demo:
        told.append("The data set is drawn, and no photographs: scores on it say nothing of real pictures.")
    images = len(facts.run.images)
    if images == 1:
        told.append("One image was tested: there are no intervals, and it says nothing of others.")
    elif images < FEW_IMAGES:
        told.append(f"Only {images} images were tested; the intervals are wide for that reason.")
    if facts.run.meta["split"] != "test":
        told.append(
            f"These scores are of the split {facts.run.meta['split']}. If the checkpoint or a threshold was "
            "chosen on it, they are too high."
        )
    told.append("An interval is about the images: another training, with another seed, may differ by more.")
    if (facts.train.get("code") or {}).get("dirty"):
        told.append("The code of the training had changes that no commit holds.")
    if facts.model.get("not_counted"):
        told.append("FLOPs leave out what the section on size lists.")
    if facts.run.meta.get("no_confidence"):
        told.append(f"Confidence was not measured: {facts.run.meta['no_confidence']}.")
    told += report.task.limits
    return Part("Limits", [Bullets(told)])


def repository(report: Contents) -> Part:
    """Return where the code is."""
    found = report.repository
    blocks: list[Block] = []
    named = " ".join(filter(None, (found.name, found.version))) or "This repository"
    licence = f", {found.licence}" if found.licence else ""
    if found.url:
        blocks.append(
            Paragraph([link(named, found.url), f"{licence}. ", code("CITATION.cff"), " says how to cite it."])
        )
    else:
        blocks.append(Paragraph(f"{named}{licence}."))
        blocks.append(
            Note(
                [
                    "No address is known: one in ",
                    code("repository-code:"),
                    " of CITATION.cff, or the origin of the git clone, would be linked here.",
                ]
            )
        )
    return Part("Repository", blocks)


def bibliography(report: Contents) -> Part:
    """Return a place for the references; the writer fills it when all citations are numbered."""
    return Part("Bibliography", [])
