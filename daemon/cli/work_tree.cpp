// SPDX-License-Identifier: MIT
#include "daemon/cli/work_tree.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/child.hpp"

#include <algorithm>

namespace gantry::daemon::cli {
namespace {

namespace fs = std::filesystem;
using core::Errc;
using core::Exception;

constexpr int kGitTimeoutMs = 10 * 60 * 1000;  // a first copy of a large history
constexpr std::size_t kOutputLimit = 1 << 20;

os::CommandResult run_git(const fs::path& folder, const std::vector<std::string>& arguments,
                          std::vector<std::string> more_environment) {
  os::SpawnOptions options;
  options.argv = {"git"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  for (std::string& entry : os::current_environment()) {
    if (!entry.starts_with("GIT_")) options.env.push_back(std::move(entry));
  }
  options.env.insert(options.env.end(), more_environment.begin(), more_environment.end());
  options.cwd = folder;
  return os::run_command(std::move(options), kGitTimeoutMs, kOutputLimit);
}

// owner/name behind the host of a URL: https://host/o/n.git, git@host:o/n.git, ssh://…/o/n
std::string name_in_url(std::string_view url) {
  if (url.ends_with(".git")) url.remove_suffix(4);
  const std::size_t last = url.find_last_of('/');
  if (last == std::string_view::npos || last == 0) return "";
  const std::size_t before = url.find_last_of("/:", last - 1);
  if (before == std::string_view::npos) return "";
  const std::string_view owner = url.substr(before + 1, last - before - 1);
  const std::string_view name = url.substr(last + 1);
  const auto is_name = [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." &&
           std::all_of(part.begin(), part.end(), [](unsigned char c) {
             return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
           });
  };
  return is_name(owner) && is_name(name) ? std::string(owner) + "/" + std::string(name) : "";
}

std::string plain(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_') c = '-';
  }
  return name;
}

}  // namespace

WorkTree::WorkTree(const fs::path& folder) {
  const auto found = run_git(folder, {"rev-parse", "--show-toplevel"}, {});
  if (!found.status.success()) {
    throw Exception(Errc::not_found, "looking for the work tree of '" + folder.string() +
                                         "': " + std::string(core::trim(found.err)) +
                                         "; run it in a git repository (git init makes one)");
  }
  top_ = std::string(core::trim(found.out));
}

std::string WorkTree::git(const fs::path& repository,
                          const std::vector<std::string>& arguments) const {
  std::vector<std::string> environment;
  if (!repository.empty()) {
    environment = {"GIT_DIR=" + repository.string(),
                   "GIT_WORK_TREE=" + top_.string(),
                   "GIT_INDEX_FILE=" + (repository / "gantry-index").string(),
                   "GIT_AUTHOR_NAME=gantry",
                   "GIT_AUTHOR_EMAIL=gantry@localhost",
                   "GIT_COMMITTER_NAME=gantry",
                   "GIT_COMMITTER_EMAIL=gantry@localhost"};
  }
  const auto result = run_git(top_, arguments, std::move(environment));
  if (result.end == os::CommandResult::End::timed_out || !result.status.success()) {
    throw Exception(Errc::io, "taking a snapshot of '" + top_.string() + "': git " +
                                  arguments.front() + ": " + std::string(core::trim(result.err)));
  }
  return std::string(core::trim(result.out));
}

std::string WorkTree::repository_name() const {
  const auto url = run_git(top_, {"remote", "get-url", "origin"}, {});
  const std::string name = url.status.success() ? name_in_url(core::trim(url.out)) : "";
  return name.empty() ? "local/" + plain(top_.filename().string()) : name;
}

std::string WorkTree::tree(const fs::path& into) const {
  git(into, {"add", "--all", "--", "."});
  return git(into, {"write-tree"});
}

Snapshot WorkTree::snapshot(const fs::path& into) const {
  if (!fs::exists(into / "HEAD")) {
    core::fs::create_directories(into.parent_path());
    git("", {"init", "--quiet", "--bare", into.string()});
  }
  Snapshot made;
  made.name = repository_name();
  const auto branch = run_git(top_, {"symbolic-ref", "--quiet", "--short", "HEAD"}, {});
  made.branch = branch.status.success() ? std::string(core::trim(branch.out)) : "local";
  const auto head = run_git(top_, {"rev-parse", "--quiet", "--verify", "HEAD^{commit}"}, {});
  const std::string parent = head.status.success() ? std::string(core::trim(head.out)) : "";
  if (!parent.empty()) {
    git(into, {"fetch", "--quiet", "--force", "--no-tags", "--update-head-ok", top_.string(),
               "+HEAD:refs/gantry/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"});
    if (!fs::exists(into / "gantry-index")) git(into, {"read-tree", parent});
  }
  made.tree = tree(into);
  made.sha = parent;
  if (parent.empty()) {
    made.message = "Uncommitted files";
    made.sha = git(into, {"commit-tree", made.tree, "-m", made.message});
  } else {
    made.message = git(into, {"log", "-1", "--format=%B", parent});
    if (git(into, {"rev-parse", parent + "^{tree}"}) != made.tree) {
      made.message = "Uncommitted changes on " + made.message;
      made.sha = git(into, {"commit-tree", made.tree, "-p", parent, "-m", made.message});
    }
  }
  git(into, {"update-ref", "refs/heads/" + made.branch, made.sha});
  return made;
}

std::string WorkTree::make_pull(const fs::path& into, const Snapshot& made,
                                const std::string& number) const {
  std::string base = made.sha;
  for (const char* name : {"origin/HEAD", "main", "master", "HEAD"}) {
    const auto found = run_git(top_, {"rev-parse", "--quiet", "--verify", name}, {});
    if (!found.status.success()) continue;
    const auto common = run_git(top_, {"merge-base", name, "HEAD"}, {});
    if (common.status.success()) base = std::string(core::trim(common.out));
    break;
  }
  if (base == made.sha) {  // a merge commit has two parents that differ
    const auto parent = run_git(top_, {"rev-parse", "--quiet", "--verify", base + "^"}, {});
    base = parent.status.success()
               ? std::string(core::trim(parent.out))
               : git(into, {"commit-tree", git(into, {"mktree"}), "-m", "Nothing yet"});
  }
  const std::string merge = git(into, {"commit-tree", made.tree, "-p", base, "-p", made.sha, "-m",
                                       "Merge " + made.sha + " into " + base});
  git(into, {"update-ref", "refs/pull/" + number + "/head", made.sha});
  git(into, {"update-ref", "refs/pull/" + number + "/merge", merge});
  return base;
}

}  // namespace gantry::daemon::cli
