// SPDX-License-Identifier: MIT
#include "daemon/control/settings.hpp"

#include "core/base/files.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::daemon::control;

TEST_CASE("settings: a repository's own values win over those of all") {
  const core::TempDir dir;
  core::write_file_atomic(dir.path() / "all", "A=1\nB=2\n", core::Durability::none, 0600);
  core::write_file_atomic(dir.path() / "own", "b=3\nC=4\n", core::Durability::none, 0600);
  core::config::Config config;
  config.secrets_file = dir.path() / "all";
  core::config::Repository repository;
  repository.name = "octo/hello";
  repository.secrets_file = dir.path() / "own";
  config.repositories.push_back(repository);
  const Settings settings = read_settings(config);
  CHECK(settings.secrets_of("octo/hello") == NamedValues{{"A", "1"}, {"B", "3"}, {"C", "4"}});
  CHECK(settings.secrets_of("octo/other") == NamedValues{{"A", "1"}, {"B", "2"}});
  CHECK(settings.clone_url_of("octo/hello") == "https://github.com/octo/hello.git");
}

TEST_CASE("settings: a secret file that everyone can read is refused with what to do") {
  const core::TempDir dir;
  core::write_file_atomic(dir.path() / "secret", "s", core::Durability::none, 0644);
  core::config::Config config;
  config.github.webhook_secret_files.push_back(dir.path() / "secret");
  CHECK_THROWS_WITH_AS(read_settings(config),
                       doctest::Contains("every user of this machine can read it; chmod 600 it"),
                       core::Exception);
}

TEST_CASE("settings: an absent file is named with the key that asked for it") {
  core::config::Config config;
  config.github.token_file = "/nowhere/token";
  CHECK_THROWS_WITH_AS(
      read_settings(config),
      "reading github.token_file: opening '/nowhere/token': No such file or directory",
      core::Exception);
}

TEST_CASE("settings: API tokens are lines, comments and blanks aside") {
  const core::TempDir dir;
  core::write_file_atomic(dir.path() / "tokens", "# mine\nabc\n\n def \n", core::Durability::none,
                          0600);
  core::config::Config config;
  config.listen.api_tokens_file = dir.path() / "tokens";
  CHECK(read_settings(config).api_tokens == std::vector<std::string>{"abc", "def"});
}
