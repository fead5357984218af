"""Jobs of other packages."""
