"""Ways through a table, window by window: blocks of the heap, or values along an index."""
