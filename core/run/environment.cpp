// SPDX-License-Identifier: MIT
#include "core/run/environment.hpp"

#include "core/base/text.hpp"
#include "core/workflow/glob.hpp"

namespace gantry::core::run {
namespace {

bool selects(const workflow::Filter& filter, std::string_view name) {
  if (!filter) return false;
  const auto patterns = workflow::PatternList::compile(*filter);
  return patterns && patterns->match(name).selected;
}

// What is neither branch nor tag (a pull request's merge ref) goes by the branches' patterns.
bool may_deploy(const Protection& protection, std::string_view ref) {
  if (!protection.branches && !protection.tags) return true;
  const workflow::RefParts parts = workflow::split_ref(ref);
  if (parts.type == workflow::RefType::tag) return selects(protection.tags, parts.name);
  return selects(protection.branches, parts.name);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return verdict == Verdict::approved ? "approved" : "rejected";
}

bool parse(std::string_view text, Verdict& out) {
  out = text == "rejected" ? Verdict::rejected : Verdict::approved;
  return text == to_string(out);
}

GateDecision decide_gate(const std::string& environment, const Protection& protection,
                         std::string_view ref, const std::vector<Review>& reviews, Timestamp since,
                         Timestamp now) {
  const std::string quoted = "environment '" + environment + "'";
  if (!may_deploy(protection, ref)) {
    return {Gate::refused, std::nullopt,
            "'" + std::string(ref) + "' is not allowed to deploy to " + quoted +
                " due to its protection rules"};
  }
  bool approved = protection.reviewers.empty();
  for (const Review& review : reviews) {
    if (!equals_ignoring_case(review.environment, environment)) continue;
    if (review.verdict == Verdict::rejected) {
      return {Gate::refused, std::nullopt, quoted + " was refused by " + review.reviewer};
    }
    approved = true;
  }
  if (!approved) {
    return {Gate::waits, std::nullopt,
            "waiting for a review of " + quoted + " by " + join(protection.reviewers, " or ")};
  }
  const Timestamp until = since + protection.wait;
  if (now < until) {
    return {Gate::waits, until, "waiting for the wait timer of " + quoted};
  }
  return {};
}

}  // namespace gantry::core::run
