"""What all engines share: a batch, its retries and pacing, a target, guards, budgets, counts."""
