"""What a run leaves behind, and when it will be gone."""
