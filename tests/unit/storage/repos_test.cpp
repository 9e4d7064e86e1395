// SPDX-License-Identifier: MIT
#include "storage/repos.hpp"

#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;

TEST_CASE("repos: a name is the same whatever its case") {
  test::Fixture f;
  const core::RepoId again = put_repository(
      f.db, Repository{.full_name = "Octo/Hello", .clone_url = "file:///m", .github_id = 5}, at(9));
  CHECK(again == f.repo);
  const auto found = find_repository(f.db, "OCTO/hello");
  REQUIRE(found);
  CHECK(found->full_name == "Octo/Hello");
  CHECK(found->clone_url == "file:///m");
  CHECK(found->created_at == at(1));
  CHECK(found->updated_at == at(9));
  CHECK(list_repositories(f.db).size() == 1);
}

TEST_CASE("repos: what GitHub told stays when the config does not know it") {
  test::Fixture f;
  Repository known{.full_name = "octo/hello", .github_id = 5, .installation_id = 6};
  put_repository(f.db, known, at(2));
  put_repository(f.db, Repository{.full_name = "octo/hello"}, at(3));
  const auto found = find_repository_by_github_id(f.db, 5);
  REQUIRE(found);
  CHECK(found->id == f.repo);
  CHECK(found->installation_id == 6);
}

TEST_CASE("repos: GitHub's id moves to the repository that has it now") {
  test::Fixture f;
  put_repository(f.db, Repository{.full_name = "octo/hello", .github_id = 5}, at(2));
  const core::RepoId renamed =
      put_repository(f.db, Repository{.full_name = "octo/renamed", .github_id = 5}, at(3));
  CHECK(find_repository_by_github_id(f.db, 5)->id == renamed);
  CHECK_FALSE(find_repository(f.db, f.repo)->github_id);
  CHECK_FALSE(find_repository(f.db, "octo/nowhere"));
}
