"""The one reader of pg_catalog: tables, their columns and parts, what stands on them and refers."""
