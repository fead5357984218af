"""Real parts for the tests: servers, poolers, proxies, schedulers, and the command itself."""
