"""What else a DELETE takes: rows that refer to the deleted ones by foreign keys."""
