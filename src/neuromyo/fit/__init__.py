"""Solvers: one engine for separable signal models, its uncertainty, and the runner that feeds it voxels."""
