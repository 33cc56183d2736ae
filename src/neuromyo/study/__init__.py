"""What a study says: readers, groups, change, correlation, agreement, trials, on tables of measurements and clinical data."""
