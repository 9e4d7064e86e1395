-- What reviewers said to the environments that jobs of a run wait for.
CREATE TABLE reviews (
  id          INTEGER PRIMARY KEY,
  run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  attempt     INTEGER NOT NULL,
  environment TEXT NOT NULL,
  reviewer    TEXT NOT NULL,
  verdict     TEXT NOT NULL CHECK (verdict IN ('approved', 'rejected')),
  comment     TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX reviews_by_run ON reviews (run_id, attempt);

-- The schedules of default branches.
CREATE TABLE schedules (
  repo_id  INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  workflow TEXT NOT NULL,
  cron     TEXT NOT NULL,
  timezone TEXT NOT NULL,
  next_at  INTEGER NOT NULL,
  PRIMARY KEY (repo_id, workflow, cron, timezone)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at);
