"""From maps and regions to tables, and from tables to what a study says."""
