"""The place of a number among healthy people: from a few controls of one's own and from published values."""
