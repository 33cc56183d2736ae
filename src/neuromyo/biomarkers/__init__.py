"""One file, one biomarker: the equation, its physics, its inversion, and one declaration."""
