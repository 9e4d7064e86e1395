// SPDX-License-Identifier: MIT
#include "daemon/runner/checkout_origin.hpp"

#include "core/base/error.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::daemon::runner;

namespace {

proto::JobMessage message() {
  proto::JobMessage message;
  message.trust = proto::Trust::trusted;
  message.repository.full_name = "o/r";
  message.repository.server_url = "https://github.com";
  message.repository.clone_base = "https://github.com";
  message.sandbox.network = core::config::Network::internet;
  return message;
}

core::Result<Origin> origin(const std::string& url, const proto::JobMessage& from = message(),
                            const std::string& token = "", bool has_ssh_key = false) {
  OriginWanted wanted;
  wanted.url = url;
  wanted.given_token = token;
  wanted.token_server = "https://github.com";
  wanted.has_ssh_key = has_ssh_key;
  return choose_origin(wanted, from);
}

}  // namespace

TEST_CASE("checkout origin: the run's own repository is gantryd's mirror, whatever is given") {
  for (const char* url : {"https://github.com/o/r", "https://GitHub.com/O/R.git",
                          "git@github.com:o/r.git", "ssh://git@github.com/o/r"}) {
    CAPTURE(url);
    const auto found = origin(url, message(), "token", true);
    REQUIRE(found);
    CHECK(found->kind == Origin::Kind::mirror);
    CHECK(found->source.url.empty());
  }
}

TEST_CASE("checkout origin: another repository of a trusted run is gantryd's, or anyone's") {
  const auto found = origin("git@github.com:a/b.git");
  REQUIRE(found);
  CHECK(found->kind == Origin::Kind::mirror_or_fetch);
  CHECK(found->repository == "a/b");
  CHECK(found->source.url == "https://github.com/a/b.git");
  CHECK(found->source.token.empty());
}

TEST_CASE("checkout origin: a fork's run never asks gantryd for another repository") {
  proto::JobMessage fork = message();
  fork.trust = proto::Trust::untrusted;
  fork.repository.token = "job token";
  const auto found = origin("https://github.com/a/b", fork);
  REQUIRE(found);
  CHECK(found->kind == Origin::Kind::fetch);
  CHECK(found->source.token.empty());
  CHECK(found->source.ssh_key.empty());
  CHECK(origin("https://gitlab.com/a/b", fork).error().code == core::Errc::denied);
  fork.repository.clone_base = "/srv/git";
  CHECK(origin("https://github.com/a/b", fork).error().code == core::Errc::denied);
}

TEST_CASE("checkout origin: a token of the workflow is used on its server alone") {
  CHECK(origin("https://github.com/a/b", message(), "mine")->source.token == "mine");
  CHECK(origin("https://github.com/a/b", message(), "mine")->kind == Origin::Kind::fetch);
  CHECK(origin("https://gitlab.com/a/b", message(), "mine")->source.token.empty());
  CHECK(origin("https://github.com:8443/a/b", message(), "mine")->source.token.empty());
  CHECK(origin("http://github.com/a/b", message(), "mine")->source.token.empty());
}

TEST_CASE("checkout origin: other servers only by a trusted run, with the network it has") {
  CHECK(origin("https://gitlab.com/a/b")->public_only);
  proto::JobMessage other = message();
  other.sandbox.network = core::config::Network::host;
  CHECK_FALSE(origin("https://gitlab.com/a/b", other)->public_only);
  other.sandbox.network = core::config::Network::none;
  CHECK(origin("https://gitlab.com/a/b", other).error().code == core::Errc::denied);
  CHECK(origin("git@gitlab.com:a/b").error().code == core::Errc::denied);
  CHECK(origin("git@gitlab.com:a/b", message(), "", true)->public_only);
  CHECK(origin("ssh://git@github.com:2222/a/b", message(), "", true)->public_only);
}

TEST_CASE("checkout origin: paths, other protocols and passwords in addresses are refused") {
  for (const char* url : {"/etc", "../x", "file:///etc", "git://github.com/a/b", "ext::sh -c x",
                          "https://user:word@github.com/a/b", "https:///a/b", "C:/x", "",
                          "ext::sh -c 'x@y'", "ext::sh@host:x y", "-oProxyCommand=x",
                          "ssh://-oProxyCommand=x/a/b", "git@-oProxyCommand=x:a/b", "fd::17/x"}) {
    CAPTURE(url);
    CHECK_FALSE(origin(url).has_value());
  }
}

TEST_CASE("checkout origin: relative addresses of submodules are taken from the parent's") {
  CHECK(resolve_url("https://github.com/o/r", "../x") == "https://github.com/o/x");
  CHECK(resolve_url("https://github.com/o/r", "../../a/b.git") == "https://github.com/a/b.git");
  CHECK(resolve_url("https://github.com/o/r", "./x") == "https://github.com/o/r/x");
  CHECK(resolve_url("git@github.com:o/r.git", "../x.git") == "git@github.com:o/x.git");
  CHECK(resolve_url("git@github.com:o/r.git", "../../a/x.git") == "git@github.com:a/x.git");
  CHECK(resolve_url("https://github.com/o/r", "https://a/b") == "https://a/b");
}

TEST_CASE("checkout origin: private, loopback and this machine's addresses are not public") {
  CHECK(public_address("8.8.8.8") == "8.8.8.8");
  for (const char* host :
       {"127.0.0.1", "127.1", "2130706433", "10.1.2.3", "172.31.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "0.0.0.0", "localhost", "224.0.0.1", "::1"}) {
    CAPTURE(host);
    CHECK_THROWS_AS(public_address(host), core::Exception);
  }
}
