// SPDX-License-Identifier: MIT
// Repositories we serve. Names are the same whatever their case.
#pragma once

#include "storage/sqlite.hpp"

#include <vector>

namespace gantry::storage {

struct Repository {
  core::RepoId id;
  std::string full_name;  // owner/name
  std::string clone_url;
  std::string default_branch = "main";
  std::optional<std::int64_t> github_id;  // or core::made_id() of the name
  std::optional<std::int64_t> installation_id;
  bool is_private = false;
  core::Timestamp created_at;
  core::Timestamp updated_at;
};

// Inserts, or updates the one of that name; `id` and `created_at` of the argument are not used.
// An absent github_id or installation_id keeps what is known; a github_id never known is made. One
// that another repository held moves (renamed and made anew).
core::RepoId put_repository(Database& database, const Repository& repository, core::Timestamp now);
std::optional<Repository> find_repository(Database& database, core::RepoId id);
std::optional<Repository> find_repository(Database& database, std::string_view full_name);
std::optional<Repository> find_repository_by_github_id(Database& database, std::int64_t github_id);
// By id, those after `after`.
std::vector<Repository> list_repositories(Database& database, core::RepoId after = {},
                                          int limit = 1000);

}  // namespace gantry::storage
