// SPDX-License-Identifier: MIT
// Any bytes as YAML, and the rendering of what is wrong with them.
#include "core/yaml/node.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gantry::core::yaml;
  const std::string_view text = gantry::tests::text_of(data, size);
  const Document document = parse(text);
  render_all(document.diagnostics, "fuzz.yml", text);
  if (!document.root && !has_errors(document.diagnostics)) __builtin_trap();
  return 0;
}
