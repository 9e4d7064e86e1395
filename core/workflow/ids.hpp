// SPDX-License-Identifier: MIT
// Ids of jobs and steps: the rules for given ones, and making unique ones for steps without.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace gantry::core::workflow {

class IdBuilder {
 public:
  // What is wrong with a given id, in GitHub's words, or "" and the id is taken.
  std::string add_given(std::string_view id);
  // An id made of `text`, which may start with "__": not allowed characters become '_', a number
  // makes it unique.
  std::string generate(std::string_view text);

 private:
  std::unordered_set<std::string> taken_;          // in lower case
  std::unordered_map<std::string, int> attempts_;  // by generated base: numbers used up
};

// "actions/checkout" of "actions/checkout@v4"; "" when `uses` is not owner/repository[/path]@ref.
std::string action_repository(std::string_view uses);

}  // namespace gantry::core::workflow
