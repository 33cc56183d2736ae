"""Where things are: resampling, overlap, left and right. Everything goes through the affines, never by index."""
