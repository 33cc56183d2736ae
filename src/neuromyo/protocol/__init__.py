"""What was to be acquired, and whether it was."""
