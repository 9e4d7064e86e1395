// SPDX-License-Identifier: MIT
// hashFiles() in expressions. Hashing may take minutes, evaluation happens on the job's loop: so an
// expression is evaluated until it asks for a hash, the hash is computed on a pool thread, and it
// is evaluated again. Used from the loop thread.
#pragma once

#include "daemon/async/offload.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/runner/hash_files.hpp"
#include "daemon/runner/job_folder.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace gantry::daemon::runner {

class FileHashes {
 public:
  explicit FileHashes(const JobFolder& folder) : folder_(folder) {}
  FileHashes(const FileHashes&) = delete;
  FileHashes& operator=(const FileHashes&) = delete;

  // For the function of that name. Within aside() an error that stands for "not yet"; outside of it
  // the hash is computed at once, and the loop waits.
  core::Result<std::string> hash(std::vector<std::string> patterns);

  // The result of `evaluate`, which may be called more than once and fails when a hash() does.
  template <class Evaluate>
  async::Task<std::invoke_result_t<Evaluate&>> aside(async::Runtime& runtime, Evaluate evaluate) {
    for (;;) {
      begin();
      auto result = evaluate();
      if (!end()) co_return result;
      const std::vector<std::string> wanted = *wanted_;  // another step may want others meanwhile
      const auto compute_wanted = [&] { return compute(wanted); };
      core::Result<std::string> computed = co_await async::offload(runtime.pool(), compute_wanted);
      known_.insert_or_assign(wanted, std::move(computed));
    }
  }

  void stop() { stopped_ = true; }  // hashing that is under way fails

 private:
  core::Result<std::string> compute(const std::vector<std::string>& patterns) const;
  void begin();
  bool end();  // whether a hash is wanted

  const JobFolder& folder_;
  std::map<std::vector<std::string>, core::Result<std::string>> known_;
  std::optional<std::vector<std::string>> wanted_;
  bool is_aside_ = false;
  std::atomic<bool> stopped_ = false;
};

}  // namespace gantry::daemon::runner
