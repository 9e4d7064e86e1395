// SPDX-License-Identifier: MIT
// What is said between gantry-git and its clients: one JSON object per line, one answer for each
// request, in order. Strings are bytes (paths and files need not be UTF-8); on the wire every byte
// is the code point of the same number. Secrets travel here only, never in argv or environment.
#pragma once

#include "core/base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gantry::daemon::git {

inline constexpr int kProtocolVersion = 3;
inline constexpr std::size_t kMaxLineBytes = std::size_t{256} << 20;

// Where a mirror is fetched from: https://, ssh:// (or user@host:path), file:// or a local path.
struct Source {
  std::string url;
  std::string token;        // https: password of user x-access-token; empty: anonymous
  std::string ssh_key;      // ssh: file of the private key
  std::string known_hosts;  // ssh: file of the host keys; required
  std::string ca_file;      // https: PEM of whom to trust; empty: the system's
};

// A full ref name and the commit it leads to (annotated tags peeled).
struct Ref {
  std::string name;
  std::string commit;
};

struct RefList {
  std::vector<Ref> refs;       // branches, tags, and the pull refs asked for
  std::string default_branch;  // full name; empty when the source has no commit yet
};

// Brings branches and tags (deleted ones go) and the named refs/pull/N/{head,merge} into the
// mirror, which is created when absent.
struct Fetch {
  using Answer = RefList;
  Source source;
  std::vector<std::string> pulls;
};

struct Ensured {
  bool fetched = false;
};

enum class Unreferenced {
  refuse,
  // A forced push may have replaced it. On GitHub a commit so asked for may be one of a fork.
  ask_for,
};

// Answers at once when every commit is in the mirror, else fetches. not_found names the missing.
struct Ensure {
  using Answer = Ensured;
  Source source;
  std::vector<std::string> shas;
  std::vector<std::string> pulls;
  Unreferenced unreferenced = Unreferenced::refuse;  // commits that no ref leads to
};

struct Commit {
  std::string sha;
  std::string tree;
  std::string ref;  // the full name `rev` was found under; empty for a sha
  std::string author_name;
  std::string author_email;
  std::string message;
  std::vector<std::string> parents;
  std::int64_t authored = 0;  // seconds since the epoch
  std::int64_t committed = 0;
};

// `rev`: a full sha, a full ref name, or a short name (branches before tags).
struct Resolve {
  using Answer = Commit;
  std::string rev;
};

struct File {
  std::string name;
  std::string blob;
  std::uint64_t size = 0;
  bool too_large = false;  // then `content` is empty
  std::string content;
};

struct FileList {
  std::vector<File> files;  // by name
  bool truncated = false;   // max_files was reached
};

// The regular files directly in `folder` whose name ends with one of `suffixes`. Symbolic links
// are not followed. No such folder: no files.
struct ReadFiles {
  using Answer = FileList;
  std::string sha;
  std::string folder;
  std::vector<std::string> suffixes;
  std::uint64_t max_bytes = 1U << 20;
  std::uint64_t max_files = 1000;
};

struct ReadFile {
  using Answer = File;
  std::string sha;
  std::string path;
  std::uint64_t max_bytes = 64U << 20;
};

enum class DiffMode {
  two_dot,    // base against head
  three_dot,  // merge base of both against head
};

struct Difference {
  std::vector<std::string> paths;  // sorted; both names of a renamed file
  std::uint64_t files = 0;         // all changed files, also those past `limit`
  std::uint64_t commits = 0;       // head without base, counted up to kMaxCountedCommits + 1
  std::string base;                // the commit compared with; empty: the empty tree
};

inline constexpr std::uint64_t kMaxCountedCommits = 1000;

// An empty or all-zero base is a new branch: compared with the parent of the oldest commit that
// no other branch or tag than `ref` has.
struct Diff {
  using Answer = Difference;
  std::string base;
  std::string head;
  DiffMode mode = DiffMode::two_dot;
  std::string ref;
  std::uint64_t limit = 300;  // files looked at
};

enum class SparseMode {
  cone,      // folders, each whole, and the files on the way to them
  patterns,  // as in .gitignore, what they match is taken
};

struct Exported {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of the work tree
};

// Writes work tree and .git of a commit into `dest`, an existing empty folder, as actions/checkout
// leaves them: on a branch for refs/heads/*, else detached.
struct Export {
  using Answer = Exported;
  std::string sha;
  std::string dest;
  std::string ref;          // full name, or empty: detached without a ref
  std::string remote_url;   // of "origin"; without .git, problem matchers need it so
  std::uint64_t depth = 1;  // 0: whole history, all branches and tags
  bool tags = false;        // all tags also when depth is limited
  SparseMode sparse_mode = SparseMode::cone;
  std::vector<std::string> sparse;  // folders or patterns; empty: everything
  std::string filter;  // noted for later fetches of the job; here no object is left out
};

// A submodule of a commit, as .gitmodules and the tree name it.
struct Submodule {
  std::string name;
  std::string path;
  std::string url;  // as written: may be relative
  std::string sha;
};

struct SubmoduleList {
  std::vector<Submodule> submodules;  // by path; those with `update = none` are left out
};

// Names and paths that could lead out of the work tree are refused.
struct FindSubmodules {
  using Answer = SubmoduleList;
  std::string sha;
};

struct Repacked {
  bool done = false;
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;  // of all packs
};

// Puts a mirror of too many packs or loose objects into one pack, without what nothing leads to; a
// mirror too large for that keeps its big packs and all objects. Nothing happens below the limits.
struct Repack {
  using Answer = Repacked;
  std::vector<std::string> keep;  // commits besides those of the refs
  std::uint64_t max_packs = 20;
  std::uint64_t max_loose = 1000;
  std::uint64_t max_pulls = 1000;  // refs/pull/*, the newest
  std::uint64_t whole_below = 1ULL << 30;
};

using Request =
    std::variant<Fetch, Ensure, Resolve, ReadFiles, ReadFile, Diff, Export, FindSubmodules, Repack>;
using Answer = std::variant<RefList, Ensured, Commit, FileList, File, Difference, Exported,
                            SubmoduleList, Repacked>;

// One line, with the newline.
std::string encode(const Request& request);
std::string encode(const Answer& answer);
std::string encode(const core::Error& error);

// Without the newline. Throw core::Exception: protocol when the line is not understood, and
// decode_answer also the error the other side answered with.
Request decode_request(std::string_view line);
Answer decode_answer(std::string_view line, const Request& asked);

// Whether the same request may succeed later without anything being changed.
bool is_retryable(core::Errc code);

}  // namespace gantry::daemon::git
