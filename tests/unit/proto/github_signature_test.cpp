// SPDX-License-Identifier: MIT
#include "proto/github_signature.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace gantry::proto;

namespace {
constexpr std::string_view kBody = "Hello, World!";
const std::string kSecret = "It's a Secret to Everybody";
const std::string kHeader =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
}  // namespace

TEST_CASE("signature: GitHub's own test vector") {
  CHECK(github_signature(kSecret, kBody) == kHeader);
  CHECK(verify_github_signature(std::array{kSecret}, kBody, kHeader) == SignatureVerdict::valid);
}

TEST_CASE("signature: while rotating, either secret is right") {
  const std::array secrets = {std::string("new"), kSecret};
  CHECK(verify_github_signature(secrets, kBody, kHeader) == SignatureVerdict::valid);
  CHECK(verify_github_signature(secrets, kBody, github_signature("new", kBody)) ==
        SignatureVerdict::valid);
}

TEST_CASE("signature: everything else is refused with its reason") {
  const std::array secrets = {kSecret};
  const std::array<std::string, 0> none = {};
  const std::array empty = {std::string()};
  const auto verify = [&](std::string_view body, std::string_view header) {
    return verify_github_signature(secrets, body, header);
  };
  CHECK(verify_github_signature(none, kBody, kHeader) == SignatureVerdict::no_secret_configured);
  CHECK(verify_github_signature(empty, kBody, github_signature("", kBody)) ==
        SignatureVerdict::no_secret_configured);
  CHECK(verify_github_signature(std::array{std::string(), kSecret}, kBody,
                                github_signature("", kBody)) == SignatureVerdict::mismatch);
  CHECK(verify(kBody, "") == SignatureVerdict::missing);
  CHECK(verify(kBody, "sha1=757107ea0eb2509fc211221cce984b8a37570b6d") ==
        SignatureVerdict::malformed);
  CHECK(verify(kBody, kHeader.substr(0, 40)) == SignatureVerdict::malformed);
  CHECK(verify(kBody, kHeader + "00") == SignatureVerdict::malformed);
  CHECK(verify("Hello, World?", kHeader) == SignatureVerdict::mismatch);
  CHECK(verify("", kHeader) == SignatureVerdict::mismatch);
}
