"""What runs, in which order, on what, and what has been done already: the only room that knows the plug-ins."""
