"""``neuromyo list``: what exists."""

from __future__ import annotations

from neuromyo.cli.speak import speaker


def list_() -> None:
    """List biomarkers, segmenters and protocols, with what they need and give."""
    from neuromyo.pipeline import catalogue

    found = catalogue.everything()
    speaker.answer(found)
    for kind in ("biomarkers", "segmenters"):
        rows = [
            (one["id"], one["title"], "\n".join(f"{r}: {n}" for r, n in one["needs"].items()), ", ".join(one["gives"]))
            for one in found[kind]
        ]
        speaker.table(kind, ("id", "title", "needs", "gives"), rows)
    outside = [(one["id"], one["title"]) for one in found["networks"]]
    speaker.table(
        "networks of others, for `neuromyo segment`: programme and weights are yours", ("id", "title"), outside
    )
    speaker.table("protocols", ("name",), [(name,) for name in found["protocols"]])
    speaker.note(*(str(f) for f in catalogue.findings()))
