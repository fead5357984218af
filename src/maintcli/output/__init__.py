"""A report, or rows of data, as text or JSON; the only package that knows rich."""
