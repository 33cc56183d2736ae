"""A study to be read: people with two legs in a T1-weighted stack, and answers as the form would save them."""

import json

import numpy as np

from tests.gauntlet.making import nii


def study(root, n=8, sessions=("",)):
    """sub-01 to sub-n; each with a bright spot that tells whose picture it is."""
    (root / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.9.0"}))
    rng = np.random.default_rng(5)
    for k in range(1, n + 1):
        for session in sessions:
            x, y = np.meshgrid(np.arange(30), np.arange(20), indexing="ij")
            legs = (((x - 8) ** 2 + (y - 10) ** 2) < 36) | (((x - 22) ** 2 + (y - 10) ** 2) < 36)
            volume = np.repeat((legs * 400)[..., None], 12, axis=2) + rng.integers(0, 20, (30, 20, 12))
            volume[6:9, 4 + k, :] = 900
            middle = f"sub-{k:02d}" + (f"_ses-{session}" if session else "")
            folder = root / f"sub-{k:02d}" / (f"ses-{session}" if session else "") / "anat"
            folder.mkdir(parents=True)
            (folder / f"{middle}_T1w.nii").write_bytes(nii(volume.astype(np.int16), np.diag([6.0, 6.0, 20.0, 1.0])))
    return root


def answers(form_html, grade, leave=0):
    """The answers of a form, ``grade(code, region, side) -> grade``, the last ``leave`` cases left out."""
    text = form_html.read_text()
    held = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    rows = [{"case": c["code"], "region": f["region"], "side": f["side"], "grade": grade(c["code"], f["region"], f["side"])}
            for c in held["cases"][: len(held["cases"]) - leave] for f in held["fields"]]  # fmt: skip
    return {"schema": 1, "form": held["form"], "reader": held["reader"], "scale": held["scale"], "answers": rows}
