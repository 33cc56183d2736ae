"""Regions drawn from the images themselves; each segmenter is one file with one declaration."""
