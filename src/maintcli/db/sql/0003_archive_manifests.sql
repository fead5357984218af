-- The checksum of the run's manifest, so that an edited one is refused. NULL: archived before this.
ALTER TABLE job_archives ADD COLUMN manifest_sha256 text;
