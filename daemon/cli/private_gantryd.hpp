// SPDX-License-Identifier: MIT
// A gantryd for one work tree: on a socket of its own, its state in the user's state folder, gone
// with its owner.
#pragma once

#include "daemon/cli/api.hpp"
#include "daemon/os/child.hpp"

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace gantry::daemon::cli {

struct PrivateSettings {
  std::filesystem::path folder;             // everything is kept here
  std::filesystem::path repository;         // the bare repository that is cloned
  std::string name;                         // owner/name
  std::string secrets, vars;                // contents of such files, may be empty
  std::string network = "internet";         // none, internet, host
  std::vector<std::string> action_sources;  // empty: the config's default
  int jobs = 0;                             // at once; 0: as many as there are CPUs
};

class PrivateGantryd {
 public:
  // Starts it and waits until it answers. Throws core::Exception with what it said.
  explicit PrivateGantryd(const PrivateSettings& settings);
  PrivateGantryd(const PrivateGantryd&) = delete;
  PrivateGantryd& operator=(const PrivateGantryd&) = delete;
  ~PrivateGantryd();  // ends it

  void stop() { child_.kill(SIGTERM); }  // cancels what runs
  Connection connection() const;
  const std::string& webhook_secret() const { return secret_; }

 private:
  void write_config(const PrivateSettings& settings);
  void wait_until_ready();

  std::filesystem::path folder_;
  std::string secret_;
  os::Child child_;
};

}  // namespace gantry::daemon::cli
