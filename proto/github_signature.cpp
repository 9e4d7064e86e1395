// SPDX-License-Identifier: MIT
#include "proto/github_signature.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace gantry::proto {
namespace {

constexpr std::string_view kPrefix = "sha256=";
constexpr std::size_t kHexDigits = 64;

}  // namespace

std::string hmac_sha256_hex(std::string_view key, std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kHex[digest.at(i) >> 4U];
    text += kHex[digest.at(i) & 15U];
  }
  return text;
}

std::string github_signature(std::string_view secret, std::string_view body) {
  return std::string(kPrefix) + hmac_sha256_hex(secret, body);
}

SignatureVerdict verify_github_signature(std::span<const std::string> secrets,
                                         std::string_view body, std::string_view header) {
  bool has_secret = false;
  for (const std::string& secret : secrets)
    has_secret = has_secret || !secret.empty();
  if (!has_secret) return SignatureVerdict::no_secret_configured;
  if (header.empty()) return SignatureVerdict::missing;
  if (!header.starts_with(kPrefix) || header.size() != kPrefix.size() + kHexDigits) {
    return SignatureVerdict::malformed;
  }
  bool matches = false;
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;  // anyone can sign with an empty key
    const std::string expected = github_signature(secret, body);
    const bool same = ::CRYPTO_memcmp(expected.data(), header.data(), expected.size()) == 0;
    matches = same || matches;
  }
  return matches ? SignatureVerdict::valid : SignatureVerdict::mismatch;
}

std::string_view to_string(SignatureVerdict verdict) {
  switch (verdict) {
    case SignatureVerdict::valid:
      return "valid";
    case SignatureVerdict::no_secret_configured:
      return "no webhook secret is configured";
    case SignatureVerdict::missing:
      return "the X-Hub-Signature-256 header is missing";
    case SignatureVerdict::malformed:
      return "the X-Hub-Signature-256 header is not sha256=<64 hex digits>";
    case SignatureVerdict::mismatch:
      return "the signature matches none of the configured secrets";
  }
  return "";
}

}  // namespace gantry::proto
