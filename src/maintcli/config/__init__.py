"""Settings: default < maint.toml < .env < environment < flag, each with where it came from."""
