"""The pages that take a user by the hand."""
