// SPDX-License-Identifier: MIT
// Any line as a filter pattern against any text.
#include "core/workflow/glob.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gantry::core::workflow;
  const auto [pattern, text] = gantry::tests::split_line(gantry::tests::text_of(data, size));
  const auto glob = Glob::compile(pattern);
  if (!glob) return 0;
  glob->matches(text.substr(0, 4096));
  // A pattern of plain characters matches itself alone.
  if (!pattern.empty() && pattern.find_first_of("*?+[]\\") == std::string_view::npos) {
    if (!glob->matches(pattern) || glob->matches(std::string(pattern) + "x")) __builtin_trap();
  }
  return 0;
}
