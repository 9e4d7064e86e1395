// SPDX-License-Identifier: MIT
#include "core/run/concurrency.hpp"

#include "core/base/text.hpp"

namespace gantry::core::run {
namespace {

constexpr std::size_t kMaxGroupLength = 400;

Result<Concurrency> with_group(const expr::Value& value) {
  using expr::Kind;
  if (value.kind() == Kind::array || value.kind() == Kind::object) {
    return fail(Errc::invalid, "Expected a string for the concurrency group");
  }
  Concurrency concurrency{.group = value.to_string()};
  if (trim(concurrency.group).empty()) {
    return fail(Errc::invalid, "Concurrency group name must not be empty");
  }
  if (concurrency.group.size() > kMaxGroupLength) {
    return fail(Errc::invalid, "Concurrency group name must be less than 400 characters. '" +
                                   cut_utf8(concurrency.group, 60) + "'");
  }
  return concurrency;
}

}  // namespace

Result<Concurrency> read_concurrency(const expr::Value& value) {
  if (value.kind() != expr::Kind::object) return with_group(value);
  TRY(Concurrency concurrency, with_group(value["group"]));
  const expr::Value& cancel = value["cancel-in-progress"];
  if (cancel.kind() == expr::Kind::boolean) {
    concurrency.cancel_in_progress = cancel.boolean();
  } else if (!cancel.is_null()) {
    return fail(Errc::invalid, "Expected a boolean for cancel-in-progress, not '" +
                                   cut_utf8(cancel.to_string(), 60) + "'");
  }
  const expr::Value& queue = value["queue"];
  if (queue.is_null()) return concurrency;
  const std::string word = queue.to_string();
  if (word != "single" && word != "max") {
    return fail(Errc::invalid,
                "Unexpected value '" + cut_utf8(word, 60) + "' for queue, expected single or max");
  }
  if (word == "max" && concurrency.cancel_in_progress) {
    return fail(Errc::invalid, "queue: max and cancel-in-progress: true exclude each other");
  }
  concurrency.queue = word == "max" ? Queue::max : Queue::single;
  return concurrency;
}

}  // namespace gantry::core::run
