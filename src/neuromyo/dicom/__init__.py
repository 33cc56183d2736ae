"""Scanner files: read behind a careful door, understood whoever wrote them, stripped of the patient.

The room in the order in which a file goes through it. In the parent process: `child` and its `jobs`, `index`, `listing`, `gather`,
`archive`, `sort` to `naming`, `preview`, `sweep`, `key`, `dates` and `segmentation`. All else runs in
the child, which alone imports pydicom.

* The careful process: `child` starts it, `inside` is its other end, `jobs` are what it can be asked.
* Which files there are: `gather`, `archive` (unpacking), `listing` (what they may be called), `index` with an `entry` a file.
* The door: `window` (bytes by place), `begin`, `walk`, `codestream`, `door`.
* What a header says: `elements`, `describe` into `frames`, by `plane`, `geometry`, `diffusion`, `scaling`, `kinds`, `facts`, `multiframe`,
  `vocabulary`; each vendor's `dialect`: `siemens` (with `csa`), `ge`, `philips`, `uih`.
* The voxels: `stored`, `pixels`. Regions that people drew (SEG): `segmentation` of what `segment_frames` writes.
* From planes to files of a dataset: `sort`, `volumes`, `stack`, `join`, `doubts`; then `looks`, `asked`, `declared`, `recognise`,
  `classify`, `naming`, `sidecar`.
* Without the patient: `profile` (what may stay), `key`, `dates`, `deidentify`, `person`, `copies` with their `proof`, `hazards` in the
  pixels; the `preview` made of `fates`; the last search, `sweep`, by `leaks`, `words` and `needles`.
"""
