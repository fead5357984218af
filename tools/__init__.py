"""Tools of this repository; run as scripts, and not installed."""
