"""Erasing what is held of users who opted out, user by user, with a certificate for each."""
