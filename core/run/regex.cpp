// SPDX-License-Identifier: MIT
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/run/regex.hpp"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace gantry::core::run {
namespace {

constexpr std::uint32_t kHeapKib = 4096;
constexpr std::uint32_t kLeastSteps = 50'000;
constexpr std::uint32_t kStepsPerByte = 1'000;
constexpr std::size_t kMostBytes = 1 << 20;

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Deleter<T, Free>>;

using Code = Owned<pcre2_code, pcre2_code_free>;
using CompileContext = Owned<pcre2_compile_context, pcre2_compile_context_free>;
using MatchContext = Owned<pcre2_match_context, pcre2_match_context_free>;
using MatchData = Owned<pcre2_match_data, pcre2_match_data_free>;

std::string reason_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  const int length = pcre2_get_error_message(code, text.data(), text.size());
  std::string reason;
  for (int i = 0; i < length; ++i)
    reason.push_back(static_cast<char>(text[static_cast<std::size_t>(i)]));
  return reason;
}

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

struct Regex::Compiled {
  Code code;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {
  std::uint32_t count = 0;
  pcre2_pattern_info(compiled_->code.get(), PCRE2_INFO_CAPTURECOUNT, &count);
  groups_ = static_cast<int>(count) + 1;
}

Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern) {
  const std::string doing = "reading regular expression '" + std::string(pattern.substr(0, 200)) +
                            (pattern.size() > 200 ? "…" : "") + "': ";
  if (pattern.size() > kLongestRegex) {
    return fail(Errc::too_large, doing + "it is longer than 8192 bytes");
  }
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // ALT_BSUX: \uXXXX as JavaScript has it; a group that took no part is empty when referred to.
  const std::uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_ALT_BSUX |
                                PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
                                PCRE2_NEVER_UCP;
  int error = 0;
  PCRE2_SIZE offset = 0;
  Code code(
      pcre2_compile(bytes_of(pattern), pattern.size(), options, &error, &offset, context.get()));
  if (!code) {
    return fail(Errc::invalid,
                doing + reason_of(error) + " at character " + std::to_string(offset + 1));
  }
  auto compiled = std::make_unique<Compiled>();
  compiled->code = std::move(code);
  return std::shared_ptr<const Regex>(new Regex(std::move(compiled)));
}

Regex::Found Regex::search(std::string_view text, std::vector<std::string_view>& groups) const {
  if (text.size() > kMostBytes) return Found::no;
  const MatchContext context(pcre2_match_context_create(nullptr));
  pcre2_set_heap_limit(context.get(), kHeapKib);
  pcre2_set_match_limit(context.get(),
                        kLeastSteps + kStepsPerByte * static_cast<std::uint32_t>(text.size()));
  const MatchData data(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  const int count = pcre2_match(compiled_->code.get(), bytes_of(text), text.size(), 0, 0,
                                data.get(), context.get());
  if (count == PCRE2_ERROR_NOMATCH) return Found::no;
  if (count < 0) return Found::too_hard;
  const PCRE2_SIZE* places = pcre2_get_ovector_pointer(data.get());
  groups.assign(static_cast<std::size_t>(groups_), std::string_view());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const PCRE2_SIZE from = places[2 * i];
    const PCRE2_SIZE to = places[2 * i + 1];
    if (from != PCRE2_UNSET && from <= to) groups[i] = text.substr(from, to - from);
  }
  return Found::yes;
}

}  // namespace gantry::core::run
