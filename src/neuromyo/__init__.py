"""Quantitative MRI of peripheral nerve and skeletal muscle, from scanner files to numbers that can be trusted."""

__version__ = "0.1.0"
