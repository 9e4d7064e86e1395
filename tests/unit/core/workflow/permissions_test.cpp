// SPDX-License-Identifier: MIT
#include "core/workflow/permissions.hpp"

#include <doctest.h>

using namespace gantry::core::workflow;
using Map = std::map<std::string, std::string>;

TEST_CASE("permissions: a token is asked for by the names of the API, never for everything") {
  Permissions permissions;
  CHECK(permissions.of_token() == Map{{"metadata", "read"}});
  permissions.set("pull-requests", AccessLevel::write);
  permissions.set("id-token", AccessLevel::write);
  permissions.set("contents", AccessLevel::read);
  CHECK(permissions.of_token() == Map{{"pull_requests", "write"}, {"contents", "read"}});
}

TEST_CASE("permissions: runs from forks read what others may write, and have no identity") {
  Permissions permissions = Permissions::all(AccessLevel::write);
  CHECK(permissions.reading().beyond(Permissions::all(AccessLevel::read)).empty());
  CHECK(permissions.reading().level(12) == AccessLevel::none);
  CHECK(permissions.reading().level(2) == AccessLevel::read);
}
