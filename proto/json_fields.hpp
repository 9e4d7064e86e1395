// SPDX-License-Identifier: MIT
// Members of a JSON object, read with type checks. An absent or null member is the fallback; the
// first wrong one is kept as the error, so that a decoder reads on and asks once at its end.
#pragma once

#include "core/base/result.hpp"
#include "core/base/time.hpp"
#include "core/expr/value.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::proto {

class JsonFields {
 public:
  // `what` names the message in errors. `object` and `what` must outlive this.
  JsonFields(const core::expr::Value& object, std::string_view what);

  std::string text(std::string_view key, std::string_view fallback = {});
  std::int64_t integer(std::string_view key, std::int64_t fallback = 0);
  std::uint64_t size(std::string_view key);  // not negative
  std::vector<std::string> texts(std::string_view key);
  std::vector<std::pair<std::string, std::string>> named_texts(std::string_view key);
  std::optional<core::Timestamp> time(std::string_view key);  // milliseconds since the epoch
  const core::expr::Value& value(std::string_view key) { return object_[key]; }

  // Index of the member's text among `names`; `fallback` when absent.
  template <std::size_t N>
  std::size_t choice(std::string_view key, const std::array<std::string_view, N>& names,
                     std::size_t fallback = 0) {
    const std::string given = text(key, names[fallback]);
    for (std::size_t i = 0; i < N; ++i) {
      if (names[i] == given) return i;
    }
    wrong(key, "one of its known words, not '" + given + "'");
    return fallback;
  }

  void wrong(std::string_view key, std::string_view expected);
  // The first one that was wrong.
  const std::optional<core::Error>& error() const { return error_; }

 private:
  const core::expr::Value& object_;
  std::string_view what_;
  std::optional<core::Error> error_;
};

core::expr::Value to_value(const std::vector<std::string>& texts);
core::expr::Value to_value(const std::vector<std::pair<std::string, std::string>>& named);
core::expr::Value to_value(core::Timestamp time);

// Refuses a message of another protocol version, naming both.
core::Result<> check_protocol(JsonFields& fields, std::string_view what, int ours);

}  // namespace gantry::proto
