"""The ways of working that a job chooses from."""
