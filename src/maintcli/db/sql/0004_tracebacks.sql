-- Where an error came from that no code expected; NULL for every other end of a run.
ALTER TABLE job_runs ADD COLUMN traceback text;
