// SPDX-License-Identifier: MIT
#include "core/run/file_commands.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::run {
namespace {

std::string_view without_bom(std::string_view content) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  return content;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  struct Line {
    std::string_view text;
    bool has_end = false;
  };
  std::optional<Line> next() {
    if (at_ >= text_.size()) return std::nullopt;
    const std::size_t end = text_.find('\n', at_);
    const bool has_end = end != std::string_view::npos;
    const Line line{text_.substr(at_, has_end ? end - at_ : end), has_end};
    at_ = has_end ? end + 1 : text_.size();
    return line;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// The lines up to the delimiter, or what is wrong.
struct Block {
  std::string value;
  std::optional<std::string> error = {};
};
Block read_block(Lines& lines, std::string_view delimiter) {
  Block block;
  bool first = true;
  while (true) {
    const auto line = lines.next();
    if (!line) {
      block.error = "Invalid value. Matching delimiter not found '" + std::string(delimiter) + "'";
      return block;
    }
    if (line->text == delimiter) return block;
    if (!line->has_end) {
      block.error = "Invalid value. EOF marker missing new line.";
      return block;
    }
    if (!first) block.value += '\n';
    block.value += line->text;
    first = false;
  }
}

// One line, and the block it may open; the error, if any.
std::optional<std::string> read_pair(std::string_view line, Lines& lines, FilePairs& result) {
  const std::size_t equals = line.find('=');
  const std::size_t heredoc = line.find("<<");
  if (equals == std::string_view::npos && heredoc == std::string_view::npos) {
    return "Invalid format '" + std::string(line) + "'";
  }
  if (equals < heredoc) {
    result.pairs.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    return std::nullopt;
  }
  const std::string_view name = line.substr(0, heredoc);
  const std::string_view delimiter = line.substr(heredoc + 2);
  if (name.empty() || delimiter.empty()) {
    return "Invalid format '" + std::string(line) +
           "'. Name must not be empty and delimiter must not be empty";
  }
  Block block = read_block(lines, delimiter);
  if (block.error) return block.error;
  result.pairs.emplace_back(name, std::move(block.value));
  return std::nullopt;
}

}  // namespace

FilePairs parse_file_pairs(std::string_view content) {
  FilePairs result;
  Lines lines(without_bom(content));
  while (const auto line = lines.next()) {
    if (line->text.empty()) continue;
    result.error = read_pair(line->text, lines, result);
    if (result.error) break;
  }
  return result;
}

std::vector<std::string> parse_path_file(std::string_view content) {
  std::vector<std::string> folders;
  Lines lines(without_bom(content));
  while (const auto line = lines.next()) {
    std::string_view folder = line->text;
    if (folder.ends_with('\r')) folder.remove_suffix(1);
    if (!folder.empty()) folders.emplace_back(folder);
  }
  return folders;
}

void add_path(std::vector<std::string>& path, std::string folder) {
  std::erase(path, folder);
  path.push_back(std::move(folder));
}

bool is_blocked_env(std::string_view name) {
  return equals_ignoring_case(name, "NODE_OPTIONS");
}

std::string blocked_env_message(std::string_view name, std::string_view how) {
  return "Can't store " + std::string(name) + " output parameter using '" + std::string(how) +
         "' command.";
}

std::string file_command_failure(std::string_view command) {
  return "Unable to process file command '" + std::string(command) + "' successfully.";
}

std::string summary_too_large_message(std::size_t bytes) {
  return "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of " +
         std::to_string(kMaxSummaryBytes / 1024) + "k, got " + std::to_string(bytes / 1024) + "k.";
}

}  // namespace gantry::core::run
