// SPDX-License-Identifier: MIT
#include "core/run/masker.hpp"

#include "core/expr/unicode.hpp"
#include "core/run/secret_forms.hpp"

#include <algorithm>

namespace gantry::core::run {
namespace {

constexpr std::size_t kShortPattern = 4;
constexpr std::size_t kPatternOverhead = 64;
constexpr std::string_view kMask = "***";

// Sorted; ranges that overlap or touch are one.
void merge(std::vector<ByteRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::size_t count = 0;
  for (const ByteRange& range : ranges) {
    if (count > 0 && range.begin <= ranges[count - 1].end) {
      ranges[count - 1].end = std::max(ranges[count - 1].end, range.end);
    } else {
      ranges[count++] = range;
    }
  }
  ranges.resize(count);
}

void append_masked(std::string_view text, const std::vector<ByteRange>& hits, std::string& out) {
  std::size_t at = 0;
  for (const ByteRange& hit : hits) {
    out.append(text, at, hit.begin - at);
    out += kMask;
    at = hit.end;
  }
  out.append(text, at);
}

}  // namespace

void Masker::add_secret(std::string_view value) {
  add_forms(expr::trim_white_space(value));
  add_lines(value);
}

void Masker::add_mask(std::string_view value) {
  if (expr::trim_white_space(value).empty()) return;
  add_forms(value);
  add_lines(value);
}

void Masker::add_lines(std::string_view value) {
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of("\r\n"), value.size());
    add_forms(expr::trim_white_space(value.substr(0, end)));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

void Masker::add_forms(std::string_view value) {
  for (std::string& form : secret_forms(value)) {
    if (!known_.insert(form).second) continue;
    pattern_bytes_ += form.size() + kPatternOverhead;
    if (form.find('\n') != std::string::npos) {
      many_lines_.add(std::move(form));
      continue;
    }
    longest_in_line_ = std::max(longest_in_line_, form.size());
    (form.size() < kShortPattern ? short_ : long_).add(std::move(form));
  }
}

std::vector<ByteRange> Masker::find_in_lines(std::string_view text) const {
  std::vector<ByteRange> hits;
  long_.find(text, hits);
  short_.find(text, hits);
  merge(hits);
  return hits;
}

std::string Masker::mask(std::string_view text) const {
  std::vector<ByteRange> hits = find_in_lines(text);
  many_lines_.find(text, hits);
  merge(hits);
  std::string out;
  append_masked(text, hits, out);
  return out;
}

bool Masker::has_secret(std::string_view text) const {
  std::vector<ByteRange> hits = find_in_lines(text);
  many_lines_.find(text, hits);
  return !hits.empty();
}

bool Masker::mask_into(std::string_view lines, std::string& out) const {
  const std::vector<ByteRange> hits = find_in_lines(lines);
  if (hits.empty()) return false;
  append_masked(lines, hits, out);
  return true;
}

void StreamMasker::write(std::string_view piece, std::string& out) {
  held_ += piece;
  const std::size_t keep = std::max<std::size_t>(masker_.longest_bytes(), 1) - 1;
  const std::size_t line = held_.rfind('\n') + 1;  // 0 when there is none
  settle(std::max(line, held_.size() - std::min(keep, held_.size())), out);
}

void StreamMasker::finish(std::string& out) {
  settle(held_.size(), out);
  in_hit_ = false;
  covered_ = 0;
}

// Everything before `until` leaves; the rest stays, as a hit may begin there that is not whole yet.
void StreamMasker::settle(std::size_t until, std::string& out) {
  if (until == 0) return;
  std::vector<ByteRange> hits = masker_.find_in_lines(held_);
  if (in_hit_) hits.insert(hits.begin(), {0, covered_});
  merge(hits);
  std::size_t at = 0;
  for (const ByteRange& hit : hits) {
    if (hit.begin >= until) break;
    out.append(held_, at, hit.begin - at);
    if (!in_hit_ || hit.begin > 0) out += kMask;
    at = hit.end;
  }
  if (at < until) out.append(held_, at, until - at);
  in_hit_ = at >= until;
  covered_ = in_hit_ ? at - until : 0;
  held_.erase(0, until);
}

}  // namespace gantry::core::run
