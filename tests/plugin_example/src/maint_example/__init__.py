"""An example of a package with jobs for maint."""
