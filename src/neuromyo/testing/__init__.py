"""Promises that every biomarker keeps, ours and other people's: ``from neuromyo.testing.contract import checks``."""
