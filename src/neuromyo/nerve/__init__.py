"""A nerve found and followed from slice to slice (`trace`), and proposals where nobody pointed at it (`propose`)."""
