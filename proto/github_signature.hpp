// SPDX-License-Identifier: MIT
// Webhook signatures: HMAC-SHA256 over the raw body, as GitHub sends in X-Hub-Signature-256.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gantry::proto {

enum class SignatureVerdict { valid, no_secret_configured, missing, malformed, mismatch };

std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);

// The value GitHub would send: "sha256=<hex>".
std::string github_signature(std::string_view secret, std::string_view body);

// `secrets` are the ones accepted now (two while rotating). All are tried, in constant time.
SignatureVerdict verify_github_signature(std::span<const std::string> secrets,
                                         std::string_view body, std::string_view header);

std::string_view to_string(SignatureVerdict verdict);

}  // namespace gantry::proto
