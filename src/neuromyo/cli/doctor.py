"""``neuromyo doctor``: is this machine fit for it?"""

from __future__ import annotations

from neuromyo.cli.speak import speaker


def doctor() -> int:
    """Look at this machine: versions, cores, memory, disk, optional parts, helpful programs."""
    from pathlib import Path

    from neuromyo.core.errors import EXIT_INPUT, EXIT_OK
    from neuromyo.pipeline.machine import examine

    found = examine(Path.cwd())
    status = EXIT_INPUT if found["complaints"] else EXIT_OK
    speaker.answer({**found, "exit": status})
    memory = "unknown" if found["memory_gb"] is None else f"{found['memory_gb']} GB"
    rows = [("neuromyo", found["neuromyo"]), ("Python", found["python"]), ("system", found["system"]),
            ("cores usable", str(found["cores"])), ("memory", memory),
            ("disk free here", f"{found['disk_free_gb']} GB")]  # fmt: skip
    rows += list(found["libraries"].items())
    rows += [
        (f"extra {n}", "installed" if there else f"pip install 'neuromyo[{n}]'") for n, there in found["extras"].items()
    ]
    rows += list(found["tools"].items())
    speaker.table("", ("what", "found"), rows)
    speaker.out(*(found["complaints"] or ["All that is needed is here."]))
    return status
