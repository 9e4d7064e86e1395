// SPDX-License-Identifier: MIT
// Any line as a workflow command, any text as a command file, secrets in any output.
#include "core/run/commands.hpp"

#include "core/run/file_commands.hpp"
#include "core/run/masker.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gantry::core::run;
  const std::string_view text = gantry::tests::text_of(data, size);
  const auto [line, rest] = gantry::tests::split_line(text);
  parse_command(line, "token");
  parse_command_v1(line);
  parse_command_v2(line);
  parse_file_pairs(text);
  parse_path_file(text);
  refuse_stop_token(line);
  Masker masker;
  masker.add_secret(line);
  const std::string masked = masker.mask(rest);
  // A secret with a '*' in it may be found in the mask itself.
  const bool is_told_apart = line.find('*') == std::string_view::npos;
  if (is_told_apart && masker.has_secret(masked)) __builtin_trap();
  std::string streamed, whole;
  StreamMasker stream(masker);
  const std::string_view one_line = rest.substr(0, rest.find('\n'));
  stream.write(one_line.substr(0, one_line.size() / 2), streamed);
  stream.write(one_line.substr(one_line.size() / 2), streamed);
  stream.finish(streamed);
  // However it is cut, the same comes out.
  StreamMasker at_once(masker);
  at_once.write(one_line, whole);
  at_once.finish(whole);
  if (streamed != whole) __builtin_trap();
  return 0;
}
