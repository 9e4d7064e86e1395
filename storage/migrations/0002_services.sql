-- Blobs are files named by their digest (storage/blobs.hpp); these rows say what they are.

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
CREATE INDEX artifacts_by_repo ON artifacts (repo_id);
CREATE INDEX artifacts_by_name ON artifacts (repo_id, name);
CREATE INDEX artifacts_by_job ON artifacts (job_id);
CREATE INDEX artifacts_by_digest ON artifacts (digest);
CREATE INDEX artifacts_by_expiry ON artifacts (expires_at);

-- scope: the ref whose runs made it, refs/heads/main or refs/pull/4/merge.
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
CREATE INDEX caches_by_use ON caches (repo_id, last_used_at);
CREATE INDEX caches_by_digest ON caches (digest);
