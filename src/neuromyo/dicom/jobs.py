"""What may be asked of the child process: a job's name and the function that answers, imported there when asked for.

``answer(request: dict) -> Iterator[dict]`` gets the request with ``root`` (a folder) and ``files`` ([[number, relative name],
...]), and yields ``{"at": number}`` before each file it opens (again, where one takes long: the time limit starts anew), then
whatever it found, with ``"file": number`` where it speaks of a file. What it raises ends that file only: it is asked again
with the files that follow. Errors and findings name the place within the file; the file itself is named by the parent.
"""

from __future__ import annotations

JOBS: dict[str, str] = {
    "index": "neuromyo.dicom.entry:answer",
    "unpack": "neuromyo.dicom.archive:answer",
    "describe": "neuromyo.dicom.describe:answer",
    "pixels": "neuromyo.dicom.pixels:answer",
    "copies": "neuromyo.dicom.copies:answer",
    "preview": "neuromyo.dicom.fates:answer",
    "person": "neuromyo.dicom.person:answer",
    "sweep": "neuromyo.dicom.leaks:answer",
    "segmentation": "neuromyo.dicom.segment_frames:answer",
}
