"""Archives of swept rows, and putting them back."""
