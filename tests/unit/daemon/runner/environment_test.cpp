// SPDX-License-Identifier: MIT
#include "daemon/runner/environment.hpp"

#include <doctest.h>

#include <algorithm>

using namespace gantry;
using core::expr::Keys;
using core::expr::Object;
using core::expr::Value;

namespace {

std::vector<std::string> environment(const Object& env,
                                     const std::vector<std::string>& added = {}) {
  Object github;
  github.set("ref", "refs/heads/main");
  github.set("token", "s3cret");
  github.set("event", Object());
  github.set("base_ref", "");
  Object runner;
  runner.set("os", "Linux");
  return daemon::runner::process_environment(
      {env, Value(github), Value(runner), "/usr/bin:/bin", added});
}

bool has(const std::vector<std::string>& environment, const std::string& entry) {
  return std::find(environment.begin(), environment.end(), entry) != environment.end();
}

}  // namespace

TEST_CASE("variables of the runner win over those of the user") {
  Object env(Keys::case_sensitive);
  env.set("GITHUB_REF", "mine");
  env.set("RUNNER_OS", "Plan9");
  env.set("CI", "no");
  env.set("OWN", "x");
  const auto all = environment(env);
  CHECK(has(all, "GITHUB_REF=refs/heads/main"));
  CHECK(has(all, "RUNNER_OS=Linux"));
  CHECK(has(all, "GITHUB_ACTIONS=true"));
  CHECK(has(all, "CI=no"));
  CHECK(has(all, "OWN=x"));
  CHECK(has(all, "HOME=/home/runner"));
  CHECK(has(all, "GITHUB_BASE_REF="));
}

TEST_CASE("neither the token nor the event gets into the environment") {
  for (const std::string& entry : environment(Object(Keys::case_sensitive))) {
    CHECK_FALSE(entry.starts_with("GITHUB_TOKEN="));
    CHECK_FALSE(entry.starts_with("GITHUB_EVENT="));
  }
}

TEST_CASE("folders added to PATH come first, the newest before the older") {
  Object env(Keys::case_sensitive);
  CHECK(has(environment(env, {"/a", "/b"}), "PATH=/b:/a:/usr/bin:/bin"));
  env.set("PATH", "/own");
  CHECK(has(environment(env, {"/a"}), "PATH=/a:/own"));
}

TEST_CASE("what cannot be a variable is left out") {
  Object env(Keys::case_sensitive);
  env.set("", "x");
  env.set("A=B", "x");
  env.set("NUL", std::string("a\0b", 3));
  const auto all = environment(env);
  CHECK(std::none_of(all.begin(), all.end(), [](const std::string& entry) {
    return entry.starts_with("=") || entry.starts_with("A=B") || entry.starts_with("NUL=");
  }));
}
