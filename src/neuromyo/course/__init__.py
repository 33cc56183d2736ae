"""A nerve's own frame: its centreline, distance along it, shape square to it, profiles, visits aligned, and lines of diffusion along it."""
