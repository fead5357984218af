"""Kubernetes: the base, its CronJobs, and the Jobs that they and people start."""
