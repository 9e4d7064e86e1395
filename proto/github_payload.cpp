// SPDX-License-Identifier: MIT
#include "proto/github_payload.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace gantry::proto {
namespace {

using core::expr::Kind;
using core::expr::Value;

bool is_name(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

std::string text_of(const Value& value) {
  return value.kind() == Kind::string ? value.string() : std::string();
}

std::int64_t number_of(const Value& value) {
  const bool usable = value.kind() == Kind::number && std::abs(value.number()) < 9e15;
  return usable ? static_cast<std::int64_t>(value.number()) : 0;
}

bool flag_of(const Value& value) {
  return value.kind() == Kind::boolean && value.boolean();
}

bool is_full_name(std::string_view name) {
  const auto parts = core::split(name, '/');
  return parts.size() == 2 && is_name(parts[0]) && is_name(parts[1]);
}

bool is_sha(std::string_view sha) {
  return (sha.size() == 40 || sha.size() == 64) &&
         std::all_of(sha.begin(), sha.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

bool is_ref_name(std::string_view name) {
  return !name.empty() && name.size() <= 1024 && name.find("..") == std::string_view::npos &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) {
           return c <= ' ' || c == 0x7f || c == '\\' || c == ':' || c == '^' || c == '~' ||
                  c == '?' || c == '*' || c == '[';
         });
}

tl::unexpected<core::Error> refuse(const ParsedDelivery& delivery, std::string_view why) {
  return core::fail(core::Errc::invalid,
                    "reading delivery '" + delivery.event + "': " + std::string(why));
}

}  // namespace gantry::proto
