// SPDX-License-Identifier: MIT
#include "core/workflow/job_text.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

using Lines = std::vector<std::string_view>;

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// Something may be repeated elsewhere by an alias: "&name" where a value can begin.
bool may_have_anchor(std::string_view text) {
  constexpr std::string_view kBefore = " \t\r\n[{,";
  constexpr std::string_view kNoName = " \t\r\n&";
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const bool can_begin = at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos;
    const bool has_name =
        at + 1 < text.size() && kNoName.find(text[at + 1]) == std::string_view::npos;
    if (can_begin && has_name) return true;
  }
  return false;
}

// Whether every job is a key on a line of its own, one below the other.
bool is_block_of(const Workflow& workflow, const Lines& lines) {
  std::size_t last = 0;
  for (const Job& job : workflow.jobs) {
    const auto line = static_cast<std::size_t>(job.position.line);
    const auto column = static_cast<std::size_t>(job.position.column);
    if (line <= last || line > lines.size()) return false;
    last = line;
    if (column < 2 || column != static_cast<std::size_t>(workflow.jobs.front().position.column)) {
      return false;
    }
    const std::string_view text = lines[line - 1];
    if (indent_of(text) != column - 1 || !text.substr(column - 1).starts_with(job.id + ":")) {
      return false;
    }
  }
  return true;
}

// Whether nothing comes behind the last job. Text at the left may be another key, or belong to a
// quoted text of the last job.
bool ends_with_jobs(const Workflow& workflow, const Lines& lines) {
  const yaml::Position last = workflow.jobs.back().position;
  return std::none_of(lines.begin() + last.line, lines.end(), [&](std::string_view line) {
    const std::size_t indent = indent_of(line);
    return indent < line.size() && indent < static_cast<std::size_t>(last.column) - 1 &&
           line != "\r";
  });
}

}  // namespace

std::string text_of_job(const Workflow& workflow, std::string_view text, std::string_view job_id) {
  const Lines lines = split(text, '\n');
  if (workflow.jobs.size() < 2 || may_have_anchor(text) || !is_block_of(workflow, lines)) {
    return std::string(text);
  }
  const bool keep_last = !ends_with_jobs(workflow, lines);
  std::string result;
  std::size_t next = 0;  // the line to be copied
  const auto copy_until = [&](std::size_t end) {
    for (; next < end; ++next)
      result.append(lines[next]).push_back('\n');
  };
  for (std::size_t i = 0; i < workflow.jobs.size(); ++i) {
    const bool is_last = i + 1 == workflow.jobs.size();
    const auto begin_of = [&](std::size_t job) {
      return static_cast<std::size_t>(workflow.jobs[job].position.line) - 1;
    };
    copy_until(begin_of(i));
    if (equals_ignoring_case(workflow.jobs[i].id, job_id) || (is_last && keep_last)) continue;
    const std::size_t end = is_last ? lines.size() : begin_of(i + 1);
    result.push_back('#');  // empty lines alone could belong to a block text before them
    result.append(end - next, '\n');
    next = end;
  }
  copy_until(lines.size());
  result.pop_back();  // the last line had no end
  return result;
}

}  // namespace gantry::core::workflow
