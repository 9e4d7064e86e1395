// SPDX-License-Identifier: MIT
// Small text functions, ASCII only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core {

std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // ASCII white space on both ends
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

// The candidate nearest to `word` by edit distance, or "" when none is near enough to suggest.
std::string closest_match(std::string_view word, std::span<const std::string> candidates);

// `text` cut to at most `limit_bytes` at a UTF-8 border, with `mark` at the end when cut.
std::string cut_utf8(std::string_view text, std::size_t limit_bytes, std::string_view mark = "…");

// Every invalid UTF-8 sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

// FNV-1a of the bytes: the same on every machine. Anyone can make two texts of one hash.
std::uint64_t hash_of(std::string_view text);

// Lower-case hex of random bytes from the kernel; throws Exception.
std::string random_hex(std::size_t bytes);

}  // namespace gantry::core
