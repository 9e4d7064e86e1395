// SPDX-License-Identifier: MIT
#include "daemon/runner/action_store.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

constexpr std::chrono::minutes kFetchLimit{10};
constexpr std::chrono::hours kKept{24 * 30};
constexpr std::size_t kShaLength = 40;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_sha(std::string_view ref) {
  return ref.size() == kShaLength && is_hex(ref);
}

// A name for a folder or file, of any text: two texts never share one.
std::string file_name(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || (c == '.' && !name.empty());
    if (plain) {
      name.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return name;
}

// Where the repository lies in a source.
std::string address_of(const std::string& source, const std::string& repository) {
  const std::string plain = source + '/' + repository;
  if (!source.starts_with('/')) return plain + ".git";
  return fs::exists(plain) ? plain : plain + ".git";
}

std::optional<StoredAction> stored_tree(const fs::path& place, const std::string& sha) {
  StoredAction stored;
  stored.sha = core::to_lower(sha);
  stored.tree = place / "trees" / stored.sha;
  if (::utimensat(AT_FDCWD, stored.tree.c_str(), nullptr, 0) != 0) return std::nullopt;
  return stored;
}

// Trees that nobody has used for long. Jobs that show one hold its files by links of their own.
void remove_unused(const fs::path& trees) {
  for (const auto& entry : fs::directory_iterator(trees)) {
    if (fs::file_time_type::clock::now() - entry.last_write_time() < kKept) continue;
    if (const auto left = core::remove_tree(entry.path())) {
      core::log::warn("an unused action stays", {{"why", *left}});
    }
  }
}

// The commit a branch or tag was found at, if it was asked for within `age`.
std::optional<StoredAction> remembered(const fs::path& place, const std::string& ref,
                                       std::chrono::seconds age) {
  const fs::path file = place / "refs" / file_name(ref);
  std::error_code ignored;
  const fs::file_time_type asked = fs::last_write_time(file, ignored);
  if (ignored || fs::file_time_type::clock::now() - asked > age) return std::nullopt;
  const auto sha = core::read_file_if_exists(file);
  return sha && is_sha(*sha) ? stored_tree(place, *sha) : std::nullopt;
}

std::string commit_of(const git::RefList& list, const std::string& address,
                      const std::string& ref) {
  std::vector<std::string> names;
  for (const std::string prefix : {"refs/tags/", "refs/heads/", ""}) {
    for (const git::Ref& one : list.refs) {
      if (one.name == prefix + ref) return one.commit;
      if (!prefix.empty() && one.name.starts_with(prefix)) {
        names.push_back(one.name.substr(prefix.size()));
      }
    }
  }
  std::string hint;
  if (ref.size() >= 7 && ref.size() < kShaLength && is_hex(ref)) {
    hint = "; a commit needs its full sha";
  } else if (const std::string near = core::closest_match(ref, names); !near.empty()) {
    hint = "; did you mean '" + near + "'?";
  }
  throw Exception(Errc::not_found, "'" + address + "' has no branch or tag '" + ref + "'" + hint);
}

void keep_tree(git::Client& client, const std::string& sha, const core::TempDir& making,
               const fs::path& tree) {
  if (fs::is_directory(tree)) return;
  git::Export what;
  what.sha = sha;
  what.dest = (making.path() / "tree").string();
  client.call(what, kFetchLimit);
  if (const auto left = core::remove_tree(fs::path(what.dest) / ".git")) {
    throw Exception(Errc::io, "keeping an action: " + *left);
  }
  std::error_code failed;
  fs::rename(what.dest, tree, failed);
  // Another runner may have made the same tree meanwhile.
  if (failed && !fs::is_directory(tree)) {
    throw Exception(Errc::io, "keeping action tree '" + tree.string() + "': " + failed.message());
  }
}

}  // namespace

fs::path ActionStore::place_of(const std::string& source, const std::string& repository) const {
  return settings_.folder / file_name(source) / core::to_lower(repository);
}

StoredAction ActionStore::get(const std::string& repository, const std::string& ref) const {
  for (const std::string& source : settings_.sources) {
    const fs::path place = place_of(source, repository);
    auto found = is_sha(ref) ? stored_tree(place, ref) : remembered(place, ref, settings_.refresh);
    if (found) return std::move(*found);
  }
  std::vector<std::string> problems;
  for (const std::string& source : settings_.sources) {
    try {
      return fetch(source, repository, ref);
    } catch (const Exception& exception) {
      problems.emplace_back(exception.what());
    }
  }
  if (problems.empty()) problems.emplace_back("actions.sources of the config is empty");
  const std::string why = core::join(problems, "; ");
  for (const std::string& source : settings_.sources) {
    // Better yesterday's commit than no job while the source is away.
    auto old = remembered(place_of(source, repository), ref, std::chrono::hours(24 * 365));
    if (!old) continue;
    old->warning = "Action '" + repository + "@" + ref + "' could not be looked up (" + why +
                   "): taking the commit it was at last, " + old->sha;
    return std::move(*old);
  }
  throw Exception(Errc::not_found,
                  "Unable to resolve action '" + repository + "@" + ref + "': " + why);
}

StoredAction ActionStore::fetch(const std::string& source, const std::string& repository,
                                const std::string& ref) const {
  const std::string address = address_of(source, repository);
  if (source.starts_with('/') && !fs::exists(address)) {
    throw Exception(Errc::not_found, "there is no repository '" + address + "'");
  }
  const fs::path place = place_of(source, repository);
  fs::create_directories(place / "trees");
  fs::create_directories(place / "refs");
  const core::TempDir making(place);
  fs::create_directory(making.path() / "tree");
  git::ClientOptions options;
  options.program = settings_.git;
  options.mirror = place / "mirror";
  options.confinement = settings_.confinement;
  options.source.url = address;
  if (source == settings_.token_source && address.starts_with("https://")) {
    options.source.token = settings_.token;
  }
  options.export_to = making.path();
  git::Client client(options);
  std::string sha = core::to_lower(ref);
  if (is_sha(ref)) {
    git::Ensure ensure;
    ensure.source = options.source;
    ensure.shas = {sha};
    client.call(ensure, kFetchLimit);
  } else {
    git::Fetch fetch;
    fetch.source = options.source;
    sha = commit_of(client.call(fetch, kFetchLimit), address, ref);
  }
  StoredAction stored;
  stored.sha = sha;
  stored.tree = place / "trees" / sha;
  keep_tree(client, sha, making, stored.tree);
  remove_unused(place / "trees");
  if (!is_sha(ref)) core::write_file_atomic(place / "refs" / file_name(ref), sha);
  return stored;
}

}  // namespace gantry::daemon::runner
