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

TEST_CASE("repos: without GitHub's id a name has one made of it, until GitHub's is known") {
  test::Fixture f;
  const auto id_of = [&](const Repository& repository) {
    return find_repository(f.db, put_repository(f.db, repository, at(2)))->github_id;
  };
  const auto made = id_of({.full_name = "octo/new"});
  CHECK(made == core::made_id("OCTO/New"));
  CHECK(id_of({.full_name = "octo/other"}) != made);
  CHECK(id_of({.full_name = "Octo/New"}) == made);
  CHECK(id_of({.full_name = "octo/new", .github_id = 7}) == 7);
  CHECK(id_of({.full_name = "octo/new"}) == 7);
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
