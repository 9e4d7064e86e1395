// SPDX-License-Identifier: MIT
// Every path under the state folder, named once.
#pragma once

#include "core/base/ids.hpp"

#include <filesystem>
#include <string>

namespace gantry::storage {

namespace fs = std::filesystem;

// state/
//   gantry.db                       SQLite
//   mirrors/<repo id>.git           bare mirror of a repository
//   trees/<repo id>/<sha>-<depth>/  a commit's tree, made once, copied to each job
//   actions/<source>/<owner>/<name>/  actions of other repositories; see runner/action_store
//   roots/etc-<hash>/               what sandboxes show as /etc, made when the host's has changed
//   runners/<name>/                 of one runner, also while it waits for a job; see RunnerStart
//   jobs/<job id>                   a link to the folder of the job's runner, while it runs
//   logs/<job id / 1000>/<job id>.log[.zst], .idx   finished and running logs
//   blobs/<ab>/<abcd…>              artifacts and cache entries, by their SHA-256
//   keys/                           our own, mode 0600
//   run/                            sockets, pid files
class Layout {
 public:
  explicit Layout(fs::path state) : state_(std::move(state)) {}
  const fs::path& state() const { return state_; }
  fs::path database() const { return state_ / "gantry.db"; }
  fs::path mirror(core::RepoId repo) const;
  fs::path trees(core::RepoId repo) const;
  fs::path actions() const { return state_ / "actions"; }
  fs::path roots() const { return state_ / "roots"; }
  fs::path jobs() const { return state_ / "jobs"; }
  fs::path job(core::JobId job) const;
  fs::path job_token(core::JobId job) const;  // hash of its runner's token
  fs::path runners() const { return state_ / "runners"; }
  fs::path log_folder(core::JobId job) const;
  fs::path log(core::JobId job) const;             // running: plain text
  fs::path log_index(core::JobId job) const;       // running and finished
  fs::path log_compressed(core::JobId job) const;  // finished
  fs::path blobs() const { return state_ / "blobs"; }
  fs::path blob(const std::string& digest) const { return blobs() / digest.substr(0, 2) / digest; }
  fs::path uploads(core::JobId job_id) const {
    return job(job_id) / "uploads";
  }  // of a running job
  fs::path id_token_key() const { return state_ / "keys" / "id-token.pem"; }
  fs::path run() const { return state_ / "run"; }
  fs::path socket() const { return run() / "gantry.sock"; }
  // Creates the folders, mode 0700. Throws core::Exception.
  void create() const;

 private:
  fs::path state_;
};

}  // namespace gantry::storage
