"""Told at a run's end, and imported only where there is somebody to tell."""
