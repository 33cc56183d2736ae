"""Pages to read: one self-contained HTML page a session, one for the cohort, and the methods text."""
