// SPDX-License-Identifier: MIT
// The submodules of a commit. Both .gitmodules and the tree are a stranger's.
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/git/mirror_internal.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;
using ConfigHandle = Handle<git_config, git_config_free>;

constexpr std::uint64_t kMaxBytes = 1U << 20;
constexpr std::size_t kMaxSubmodules = 1000;
constexpr std::string_view kPrefix = "submodule.";

struct Entry {
  std::string path, url, update;
};
using Entries = std::map<std::string, Entry>;

// Relative, and none of its parts can lead elsewhere.
bool is_plain_path(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.front() == '-') return false;
  for (const std::string_view part : core::split(path, '/')) {
    if (part.empty() || part == "." || part == ".." || core::equals_ignoring_case(part, ".git")) {
      return false;
    }
  }
  return path.find_first_of(std::string_view("\n\r\\\0", 4)) == std::string::npos;
}

// It is written into the job's .git/config.
bool is_plain_url(const std::string& url) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return !url.empty() && url.front() != '-' && std::none_of(url.begin(), url.end(), is_control);
}

int take_entry(const git_config_entry* entry, void* payload) {
  std::string_view key = entry->name;
  if (!key.starts_with(kPrefix)) return 0;
  key.remove_prefix(kPrefix.size());
  const std::size_t dot = key.rfind('.');
  if (dot == std::string_view::npos) return 0;
  auto& entries = *static_cast<Entries*>(payload);
  Entry& found = entries[std::string(key.substr(0, dot))];
  const std::string_view variable = key.substr(dot + 1);
  const std::string value = entry->value != nullptr ? entry->value : "";
  if (variable == "path") found.path = value;
  if (variable == "url") found.url = value;
  if (variable == "update") found.update = value;
  return 0;
}

Entries read_gitmodules(const std::string& text) {
  // libgit2 1.5 reads settings from files only; an `include` in it has nothing here to include.
  const core::TempDir folder;
  const fs::path file = folder.path() / "gitmodules";
  core::write_file_atomic(file, text);
  Entries entries;
  const auto config =
      acquire<ConfigHandle>("reading '.gitmodules'", git_config_open_ondisk, file.c_str());
  check(git_config_foreach(config.get(), take_entry, &entries), "reading '.gitmodules'");
  return entries;
}

std::string commit_at(git_tree* root, const std::string& path) {
  git_tree_entry* found = nullptr;
  const int code = git_tree_entry_bypath(&found, root, path.c_str());
  if (code == GIT_ENOTFOUND) return {};
  check(code, "looking for '" + path + "'");
  const TreeEntryHandle entry(found);
  if (git_tree_entry_filemode(found) != GIT_FILEMODE_COMMIT) return {};
  return to_hex(*git_tree_entry_id(found));
}

// One's .git folder would lie inside of another's.
void refuse_nested_names(const SubmoduleList& list, const std::string& doing) {
  std::set<fs::path> names;
  for (const Submodule& submodule : list.submodules)
    names.insert(submodule.name);
  for (const fs::path& name : names) {
    for (fs::path outer = name.parent_path(); !outer.empty(); outer = outer.parent_path()) {
      if (!names.contains(outer)) continue;
      throw Exception(Errc::invalid, doing + ": submodule '" + name.string() +
                                         "' is named as if inside of '" + outer.string() +
                                         "'; rename it in .gitmodules");
    }
  }
}

}  // namespace

SubmoduleList run(Mirror& mirror, const FindSubmodules& request) {
  const std::string doing = "reading the submodules of commit '" + request.sha + "'";
  const CommitHandle commit = find_commit(mirror, request.sha);
  const auto root = acquire<TreeHandle>(doing, git_commit_tree, commit.get());
  SubmoduleList list;
  git_tree_entry* found = nullptr;
  const int code = git_tree_entry_bypath(&found, root.get(), ".gitmodules");
  if (code == GIT_ENOTFOUND) return list;
  check(code, doing);
  const TreeEntryHandle present(found);
  const File file = run(mirror, ReadFile{request.sha, ".gitmodules", kMaxBytes});
  if (file.too_large) throw Exception(Errc::too_large, doing + ": '.gitmodules' is over 1 MiB");
  for (const auto& [name, entry] : read_gitmodules(file.content)) {
    const std::string& path = entry.path;
    if (!is_plain_path(name) || !is_plain_path(path)) {
      throw Exception(Errc::invalid, doing + ": '" + name + "' at '" + path +
                                         "' could lead out of the work tree; correct .gitmodules");
    }
    Submodule submodule{.name = name, .path = path, .url = entry.url};
    submodule.sha = commit_at(root.get(), path);
    if (submodule.sha.empty() || entry.update == "none") continue;
    if (!is_plain_url(entry.url)) {
      throw Exception(Errc::invalid,
                      doing + ": submodule '" + name + "' has no usable url in .gitmodules");
    }
    list.submodules.push_back(std::move(submodule));
  }
  if (list.submodules.size() > kMaxSubmodules) {
    throw Exception(Errc::too_large, doing + ": there are more than 1000");
  }
  refuse_nested_names(list, doing);
  std::sort(list.submodules.begin(), list.submodules.end(),
            [](const Submodule& a, const Submodule& b) { return a.path < b.path; });
  return list;
}

}  // namespace gantry::daemon::git
