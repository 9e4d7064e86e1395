// SPDX-License-Identifier: MIT
// The files a step writes to talk to the runner: GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE (pairs)
// and GITHUB_PATH (lines). Pure parsing of a file's content; a leading BOM is skipped, `\r` is
// data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::core::run {

inline constexpr std::size_t kMaxSummaryBytes = 1U << 20U;

struct FilePairs {
  std::vector<std::pair<std::string, std::string>> pairs;  // in order, the ones before an error too
  std::optional<std::string> error;  // GitHub's text; the step fails, the pairs stay applied
};

// `name=value` lines and `name<<delimiter` blocks.
FilePairs parse_file_pairs(std::string_view content);

// Folders of GITHUB_PATH in order, blank lines left out.
std::vector<std::string> parse_path_file(std::string_view content);
// Puts `folder` to the end of `path`, the place that is searched first; a repeated one moves.
void add_path(std::vector<std::string>& path, std::string folder);

// Names a step may not set by GITHUB_ENV or set-env: NODE_OPTIONS.
bool is_blocked_env(std::string_view name);
// The error for one: `how` is "$GITHUB_ENV" or "::set-env::".
std::string blocked_env_message(std::string_view name, std::string_view how);

// The first of the two errors of a file that cannot be read: `command` is env, output, state, path.
std::string file_command_failure(std::string_view command);
// A summary that is too large is dropped with this error; the step does not fail.
std::string summary_too_large_message(std::size_t bytes);

}  // namespace gantry::core::run
