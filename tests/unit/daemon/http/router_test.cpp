// SPDX-License-Identifier: MIT
#include "daemon/http/router.hpp"

#include "core/base/error.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::daemon::http;

namespace {

Handler nothing() {
  return [](Request&) -> Task<Response> { co_return Response(); };
}

std::string params(const Router::Match& match) {
  std::string text;
  for (const auto& [name, value] : match.params)
    text += name + '=' + value + ';';
  return text;
}

}  // namespace

TEST_CASE("router: fixed segments win, parameters are decoded, the rest keeps its slashes") {
  Router router;
  for (const char* pattern : {"/", "/runs", "/runs/{id}", "/runs/latest", "/runs/{run}/logs",
                              "/contents/{path...}", "/runs/latest/x"}) {
    router.add("GET", pattern, nothing());
  }
  const std::pair<const char*, const char*> found[] = {
      {"/", ""},
      {"/runs", ""},
      {"/runs/7", "id=7;"},
      {"/runs/latest", ""},
      {"/runs/latest/logs", "run=latest;"},
      {"/runs/a%2Fb%20c", "id=a/b c;"},
      {"/contents/a/b%20/c.yml", "path=a/b /c.yml;"},
      {"/runs/%zz", "id=%zz;"},
  };
  for (const auto& [path, expected] : found) {
    CAPTURE(std::string(path));
    const auto match = router.match("GET", path);
    REQUIRE(match.status == 200);
    CHECK(params(match) == expected);
  }
  for (const char* path : {"", "x", "//", "/runs/", "/runs/7/", "/runs/7/none", "/contents", "*"}) {
    CAPTURE(std::string(path));
    CHECK(router.match("GET", path).status == 404);
  }
}

TEST_CASE("router: another method is 405 with what is allowed; HEAD is GET") {
  Router router;
  router.add("GET", "/a/{x}", nothing());
  router.add("DELETE", "/a/{y}", nothing());
  const auto match = router.match("POST", "/a/1");
  CHECK(match.status == 405);
  CHECK(match.allow == "DELETE, GET, HEAD");
  CHECK(router.match("HEAD", "/a/1").status == 200);
  CHECK(params(router.match("DELETE", "/a/1")) == "y=1;");
}

TEST_CASE("router: a broken or repeated pattern is refused") {
  Router router;
  router.add("GET", "/a/{x}", nothing());
  for (const char* pattern : {"", "a", "/{", "/{x", "/{}", "/{x...}/y", "/a/{other}"}) {
    CAPTURE(std::string(pattern));
    CHECK_THROWS_AS(router.add("GET", pattern, nothing()), core::Exception);
  }
}
