// SPDX-License-Identifier: MIT
#include "daemon/control/mirror_desk.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using daemon::control::refusal_to_read;
using storage::Trust;

TEST_CASE(
    "mirror desk: another repository only where its entry names the run's, and not for forks") {
  core::config::Config config;
  config.repositories.resize(2);
  config.repositories[0].name = "a/open";
  config.repositories[0].readable_by = {"o/r", "friends/*"};
  config.repositories[1].name = "a/closed";
  CHECK_FALSE(refusal_to_read(config, "o/r", Trust::untrusted, "O/R"));
  CHECK_FALSE(refusal_to_read(config, "O/R", Trust::trusted, "a/open"));
  CHECK_FALSE(refusal_to_read(config, "friends/x", Trust::trusted, "a/open"));
  CHECK(refusal_to_read(config, "friendsx/x", Trust::trusted, "a/open"));
  CHECK(refusal_to_read(config, "o/r", Trust::untrusted, "a/open")->message ==
        "reading repository 'a/open' for a run of 'o/r': runs from forks read their own "
        "repository only");
  CHECK(refusal_to_read(config, "o/r", Trust::trusted, "a/closed")->message ==
        "reading repository 'a/closed' for a run of 'o/r': Gantry's config does not allow it; name "
        "'o/r' under 'readable_by' of that repository, or give the checkout a 'token' of its own");
  CHECK(refusal_to_read(config, "o/r", Trust::trusted, "a/unknown"));
}
