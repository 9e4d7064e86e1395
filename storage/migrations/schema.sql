CREATE TABLE annotations (
  id           INTEGER PRIMARY KEY,
  job_id       INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  step         INTEGER,
  level        TEXT NOT NULL CHECK (level IN ('notice', 'warning', 'failure')),
  path         TEXT NOT NULL,
  start_line   INTEGER NOT NULL,
  end_line     INTEGER NOT NULL,
  start_column INTEGER,
  end_column   INTEGER,
  title        TEXT NOT NULL,
  message      TEXT NOT NULL,
  raw_details  TEXT NOT NULL
) STRICT;
CREATE INDEX annotations_by_job ON annotations (job_id);
CREATE TABLE artifacts (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id      INTEGER NOT NULL REFERENCES repositories (id),
  run_id       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  attempt      INTEGER NOT NULL,
  job_id       INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size         INTEGER NOT NULL,
  digest       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  UNIQUE (run_id, name, attempt)
) STRICT;
CREATE INDEX artifacts_by_digest ON artifacts (digest);
CREATE INDEX artifacts_by_expiry ON artifacts (expires_at);
CREATE INDEX artifacts_by_job ON artifacts (job_id);
CREATE INDEX artifacts_by_name ON artifacts (repo_id, name);
CREATE INDEX artifacts_by_repo ON artifacts (repo_id);
CREATE TABLE attempts (
  run_id           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  number           INTEGER NOT NULL,
  status           TEXT NOT NULL,
  conclusion       TEXT,
  triggering_actor TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  started_at       INTEGER,
  completed_at     INTEGER,
  PRIMARY KEY (run_id, number),
  CHECK ((status = 'completed') = (conclusion IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE branch_run_counts (
  repo_id     INTEGER NOT NULL,
  head_branch TEXT NOT NULL,
  workflow_id INTEGER NOT NULL,
  event       TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  count       INTEGER NOT NULL,
  PRIMARY KEY (repo_id, head_branch, workflow_id, event, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE caches (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id      INTEGER NOT NULL REFERENCES repositories (id),
  scope        TEXT NOT NULL,
  key          TEXT NOT NULL,
  version      TEXT NOT NULL,
  size         INTEGER NOT NULL,
  digest       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  UNIQUE (repo_id, scope, version, key)
) STRICT;
CREATE INDEX caches_by_digest ON caches (digest);
CREATE INDEX caches_by_use ON caches (repo_id, last_used_at);
CREATE TABLE deliveries (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  guid         TEXT NOT NULL UNIQUE,
  repo_id      INTEGER REFERENCES repositories (id),
  event        TEXT NOT NULL,
  action       TEXT NOT NULL,
  headers      TEXT NOT NULL,
  dedupe_key   TEXT,
  state        TEXT NOT NULL CHECK (state IN ('received', 'processed', 'ignored', 'failed')),
  reason       TEXT NOT NULL,
  decisions    TEXT NOT NULL,
  received_at  INTEGER NOT NULL,
  processed_at INTEGER,
  payload      BLOB NOT NULL
) STRICT;
CREATE INDEX deliveries_by_meaning ON deliveries (dedupe_key, id) WHERE dedupe_key IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (id) WHERE state = 'received';
CREATE TABLE jobs (
  id                  INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id              INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  attempt             INTEGER NOT NULL,
  origin_id           INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
  job_key             TEXT NOT NULL,
  leg                 INTEGER NOT NULL,
  name                TEXT NOT NULL,
  plan                TEXT NOT NULL,
  needs               TEXT NOT NULL,
  labels              TEXT NOT NULL,
  outputs             TEXT NOT NULL,
  status              TEXT NOT NULL,
  conclusion          TEXT,
  details             TEXT NOT NULL,
  runner_pid          INTEGER,
  runner_name         TEXT NOT NULL,
  token_hash          TEXT NOT NULL,
  last_event          INTEGER NOT NULL,
  log_lines           INTEGER NOT NULL,
  log_bytes           INTEGER NOT NULL,
  created_at          INTEGER NOT NULL,
  started_at          INTEGER,
  completed_at        INTEGER,
  cancel_requested_at INTEGER,
  UNIQUE (run_id, attempt, job_key, leg),
  CHECK ((status = 'completed') = (conclusion IS NOT NULL))
) STRICT;
CREATE INDEX jobs_by_origin ON jobs (origin_id) WHERE origin_id IS NOT NULL;
CREATE INDEX jobs_open ON jobs (id) WHERE status <> 'completed';
CREATE TABLE outbox (
  id               INTEGER PRIMARY KEY,
  kind             TEXT NOT NULL CHECK (kind IN ('check_run', 'commit_status')),
  job_id           INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  repo_id          INTEGER NOT NULL REFERENCES repositories (id),
  wanted           TEXT NOT NULL,
  version          INTEGER NOT NULL,
  sent_version     INTEGER NOT NULL,
  remote_id        INTEGER,
  annotations_sent INTEGER NOT NULL,
  attempts         INTEGER NOT NULL,
  next_try_at      INTEGER NOT NULL,
  last_error       TEXT NOT NULL,
  is_dead          INTEGER NOT NULL,
  is_uncertain     INTEGER NOT NULL,
  UNIQUE (job_id, kind)
) STRICT;
CREATE INDEX outbox_by_remote_id ON outbox (remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (id) WHERE is_dead = 1;
CREATE INDEX outbox_due ON outbox (next_try_at, id) WHERE sent_version < version AND is_dead = 0;
CREATE TABLE repositories (
  id              INTEGER PRIMARY KEY,
  full_name       TEXT NOT NULL COLLATE NOCASE UNIQUE,
  clone_url       TEXT NOT NULL,
  default_branch  TEXT NOT NULL,
  github_id       INTEGER UNIQUE,
  installation_id INTEGER,
  is_private      INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;
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
CREATE TABLE run_counts (
  repo_id     INTEGER NOT NULL,
  workflow_id INTEGER NOT NULL,
  event       TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  count       INTEGER NOT NULL,
  PRIMARY KEY (repo_id, workflow_id, event, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_inputs (
  run_id          INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  workflow_source TEXT NOT NULL,
  contexts        TEXT NOT NULL,
  event_payload   BLOB
) STRICT;
CREATE TABLE runs (
  id                  INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id             INTEGER NOT NULL REFERENCES repositories (id),
  workflow_id         INTEGER NOT NULL REFERENCES workflows (id),
  run_number          INTEGER NOT NULL,
  attempt             INTEGER NOT NULL,
  workflow_name       TEXT NOT NULL,
  event               TEXT NOT NULL,
  head_branch         TEXT NOT NULL,
  head_sha            TEXT NOT NULL,
  ref                 TEXT NOT NULL,
  head_repository     TEXT NOT NULL,
  head_commit         TEXT NOT NULL,
  display_title       TEXT NOT NULL,
  actor               TEXT NOT NULL,
  triggering_actor    TEXT NOT NULL,
  delivery_id         INTEGER REFERENCES deliveries (id),
  pull_request        INTEGER,
  trust               TEXT NOT NULL CHECK (trust IN ('trusted', 'untrusted')),
  concurrency_group   TEXT NOT NULL,
  status              TEXT NOT NULL,
  conclusion          TEXT,
  details             TEXT NOT NULL,
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER NOT NULL,
  started_at          INTEGER,
  completed_at        INTEGER,
  cancel_requested_at INTEGER,
  outcome             TEXT NOT NULL GENERATED ALWAYS AS (coalesce(conclusion, status)) VIRTUAL,
  UNIQUE (workflow_id, run_number),
  CHECK ((status = 'completed') = (conclusion IS NOT NULL))
) STRICT;
CREATE INDEX runs_by_actor ON runs (repo_id, actor);
CREATE INDEX runs_by_branch ON runs (repo_id, head_branch);
CREATE INDEX runs_by_branch_outcome ON runs (repo_id, head_branch, outcome);
CREATE INDEX runs_by_delivery ON runs (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX runs_by_event ON runs (repo_id, event);
CREATE INDEX runs_by_outcome ON runs (repo_id, outcome);
CREATE INDEX runs_by_repo ON runs (repo_id);
CREATE INDEX runs_by_sha ON runs (repo_id, head_sha);
CREATE INDEX runs_by_workflow ON runs (workflow_id);
CREATE TRIGGER runs_counted_delete AFTER DELETE ON runs BEGIN
  UPDATE run_counts SET count = count - 1
    WHERE repo_id = old.repo_id AND workflow_id = old.workflow_id AND event = old.event
      AND outcome = old.outcome;
  UPDATE branch_run_counts SET count = count - 1
    WHERE repo_id = old.repo_id AND head_branch = old.head_branch
      AND workflow_id = old.workflow_id AND event = old.event AND outcome = old.outcome;
END;
CREATE TRIGGER runs_counted_insert AFTER INSERT ON runs BEGIN
  INSERT INTO run_counts VALUES (new.repo_id, new.workflow_id, new.event, new.outcome, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
  INSERT INTO branch_run_counts
    VALUES (new.repo_id, new.head_branch, new.workflow_id, new.event, new.outcome, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER runs_counted_update AFTER UPDATE OF status, conclusion ON runs
WHEN old.outcome <> new.outcome BEGIN
  UPDATE run_counts SET count = count - 1
    WHERE repo_id = old.repo_id AND workflow_id = old.workflow_id AND event = old.event
      AND outcome = old.outcome;
  INSERT INTO run_counts VALUES (new.repo_id, new.workflow_id, new.event, new.outcome, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
  UPDATE branch_run_counts SET count = count - 1
    WHERE repo_id = old.repo_id AND head_branch = old.head_branch
      AND workflow_id = old.workflow_id AND event = old.event AND outcome = old.outcome;
  INSERT INTO branch_run_counts
    VALUES (new.repo_id, new.head_branch, new.workflow_id, new.event, new.outcome, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE INDEX runs_open ON runs (id) WHERE status <> 'completed';
CREATE TABLE schedules (
  repo_id  INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  workflow TEXT NOT NULL,
  cron     TEXT NOT NULL,
  timezone TEXT NOT NULL,
  next_at  INTEGER NOT NULL,
  PRIMARY KEY (repo_id, workflow, cron, timezone)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at);
CREATE TABLE step_summaries (
  job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  step   INTEGER NOT NULL,
  text   TEXT NOT NULL,
  PRIMARY KEY (job_id, step)
) STRICT;
CREATE TABLE steps (
  job_id       INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  number       INTEGER NOT NULL,
  name         TEXT NOT NULL,
  status       TEXT NOT NULL,
  conclusion   TEXT,
  outcome      TEXT,
  started_at   INTEGER,
  completed_at INTEGER,
  log_first    INTEGER,
  log_end      INTEGER,
  PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE workflows (
  id              INTEGER PRIMARY KEY,
  repo_id         INTEGER NOT NULL REFERENCES repositories (id),
  path            TEXT NOT NULL,
  name            TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('active', 'disabled_manually', 'deleted')),
  next_run_number INTEGER NOT NULL DEFAULT 1,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  UNIQUE (repo_id, path)
) STRICT;
