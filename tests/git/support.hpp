// SPDX-License-Identifier: MIT
// A real repository made by git, and clients of the gantry-git just built.
#pragma once

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/git/client.hpp"
#include "daemon/os/child.hpp"

#include <doctest/doctest.h>

#include <string>

namespace gantry::testing {

namespace fs = std::filesystem;
using namespace gantry::daemon::git;

constexpr std::chrono::seconds kDeadline{60};

// stdout of a shell command run in `folder`; a failing command fails the test.
inline std::string shell(const fs::path& folder, const std::string& command) {
  daemon::os::SpawnOptions options;
  options.argv = {"/bin/sh", "-ec", command};
  options.cwd = folder;
  options.env = {"PATH=/usr/bin:/bin",
                 "HOME=/nonexistent",
                 "GIT_CONFIG_NOSYSTEM=1",
                 "GIT_AUTHOR_NAME=Ann",
                 "GIT_AUTHOR_EMAIL=ann@example.com",
                 "GIT_COMMITTER_NAME=Ann",
                 "GIT_COMMITTER_EMAIL=ann@example.com",
                 "GIT_CONFIG_COUNT=1",
                 "GIT_CONFIG_KEY_0=safe.directory",
                 "GIT_CONFIG_VALUE_0=*"};
  const auto result = daemon::os::run_command(options, 60'000, 16 << 20);
  INFO(command << "\n" << result.err);
  REQUIRE(result.status.success());
  return std::string(core::trim(result.out));
}

struct Repository {
  core::TempDir dir;
  fs::path source = dir.path() / "source";
  fs::path mirror = dir.path() / "mirror.git";

  Repository() {
    fs::create_directory(source);
    git("init -q -b main .");
  }
  std::string git(const std::string& arguments) const { return shell(source, "git " + arguments); }
  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((source / path).parent_path());
    core::write_file_atomic(source / path, text);
  }
  // Commits everything; the sha.
  std::string commit(const std::string& message) const {
    git("add -A && git commit -q --allow-empty -m '" + message + "'");
    return git("rev-parse HEAD");
  }
  Source from() const { return {.url = source.string()}; }
  fs::path make_folder(const std::string& name) const {
    fs::create_directories(dir.path() / name);
    return dir.path() / name;
  }
};

inline fs::path program() {
  return fs::path(GANTRY_BIN_DIR) / "gantry-git";
}

// Confined wherever this machine can.
inline Confinement confinement() {
  static const bool can = [] {
    daemon::os::SpawnOptions options;
    options.argv = {"bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"};
    try {
      return daemon::os::run_command(options, 10'000).status.success();
    } catch (const core::Exception&) {
      return false;
    }
  }();
  if (!can) MESSAGE("skipped: bubblewrap makes no sandbox here, gantry-git runs unconfined");
  return can ? Confinement::required : Confinement::none;
}

inline ClientOptions options_for(const Repository& repository) {
  return {.program = program(),
          .mirror = repository.mirror,
          .confinement = confinement(),
          .source = repository.from(),
          .export_to = repository.make_folder("exports")};
}

inline RefList fetch(Client& client, const Repository& repository,
                     std::vector<std::string> pulls = {}) {
  return client.call(Fetch{repository.from(), std::move(pulls)}, kDeadline);
}

// Fetches and exports into a new folder.
inline fs::path export_to(Client& client, const Repository& repository, Export what,
                          const std::string& name) {
  fetch(client, repository, {"refs/pull/7/merge"});
  what.dest = repository.make_folder("exports/" + name);
  if (what.remote_url.empty()) what.remote_url = "https://github.com/o/r";
  client.call(what, kDeadline);
  return what.dest;
}

template <class Function>
core::Error error_of(Function function) {
  try {
    function();
  } catch (const core::Exception& error) {
    return error.error();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace gantry::testing
