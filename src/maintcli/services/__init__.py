"""The outside world: a protocol each, with adapters that import their vendor's package inside."""
