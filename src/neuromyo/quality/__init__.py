"""Is a site fit to measure: vials of known truth, repeats, drift, upgrades, and the limits they are held to."""
