-- Until when a job is paused; NULL: until it is resumed.
ALTER TABLE job_heartbeats ADD COLUMN paused_until timestamptz;
