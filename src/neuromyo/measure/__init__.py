"""From maps and regions to the tidy table: what a region's voxels say, and how large it is."""
