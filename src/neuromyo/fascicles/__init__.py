"""Fascicles within a nerve's outline (`fascicles`), and whether the resolution supports what is said of them (`resolvable`)."""
