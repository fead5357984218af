"""The benchmarks: `python -m bench` measures, and writes the tables of docs/performance.md.

Every figure is a ratio against a named peer, of medians over interleaved rounds of one run:
other machines give other seconds, but should give much the same ratios.
"""
