"""Works off the due items of a queue, each by at most one run at a time."""
