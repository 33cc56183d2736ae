"""Statistics of small samples: intervals, agreement of readers."""
