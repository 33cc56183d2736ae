"""Runs a Dafne model on one image, slice by slice: started by the Python of somebody's Dafne, never imported by neuromyo.

    python dafne_runner.py image.npz masks.npz model_file

image.npz holds ``image`` (columns from left to right, rows from front to back, slices), ``pixel_mm`` and ``slice_mm``; masks.npz gets one
array a mask, in the same order. It says ``MISSING name`` and ends with 3 where a library is not there.
"""

import importlib
import sys


def main(image_file, masks_file, model_file):
    """Reads the image, applies the model, writes its masks."""
    import numpy as np

    with open(model_file, "rb") as stream:
        told = importlib.import_module("dill").load(stream)
    model = importlib.import_module("dafne_dl.model_loaders").generic_load_model(told)
    kind = str(told.get("metadata", {}).get("orientation") or "")
    with np.load(image_file) as given:
        image, pixel, apart = given["image"], given["pixel_mm"], float(given["slice_mm"])
    stated = kind.lower()[:1] in ("a", "t")
    if not stated:
        print("ORIENTATION not stated by the model", flush=True)
    # models without a stated orientation were trained on slices as scanners store them: rows from front to back, columns from the right
    turn = (lambda a: a) if stated else (lambda a: np.swapaxes(a[::-1], 0, 1))
    back = (lambda a: a) if stated else (lambda a: np.swapaxes(a, 0, 1)[::-1])
    turned = turn(image)
    size = [float(p) for p in (pixel if stated else pixel[::-1])]
    fixed = {"options": {}, "split_laterality": False, "classification": ""}
    masks = {}
    if getattr(model, "data_dimensionality", 2) == 2:
        for k in range(turned.shape[2]):
            for name, mask in model.apply({"image": turned[:, :, k], "resolution": size, **fixed}).items():
                masks.setdefault(name, np.zeros(turned.shape, np.uint8))[:, :, k] = mask
    else:
        masks = model.apply({"image": turned, "resolution": [*size, apart], **fixed})
    np.savez_compressed(masks_file, **{str(name): back(np.asarray(mask) > 0) for name, mask in masks.items()})


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ModuleNotFoundError as error:
        print("MISSING", error.name)
        sys.exit(3)
