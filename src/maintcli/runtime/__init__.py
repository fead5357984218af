"""How any run goes; knows no job by name."""
