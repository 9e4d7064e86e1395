// SPDX-License-Identifier: MIT
// Regular expressions of strangers. A search takes at most some steps for each byte of the text,
// and says so when they do not suffice. Immutable, safe from any thread.
#pragma once

#include "core/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

inline constexpr std::size_t kLongestRegex = 8 << 10;

class Regex {
 public:
  // As JavaScript writes them, ASCII classes, case counts.
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern);

  enum class Found { yes, no, too_hard };
  // The first match anywhere in `text`; groups by number, 0 is all of it, "" for one that took no
  // part. The views are into `text`.
  Found search(std::string_view text, std::vector<std::string_view>& groups) const;
  int groups() const { return groups_; }  // their number, 0 included

  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
  int groups_ = 1;
};

}  // namespace gantry::core::run
