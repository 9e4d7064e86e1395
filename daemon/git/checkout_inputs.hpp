// SPDX-License-Identifier: MIT
// actions/checkout (v1 to v7) carried out natively: its inputs as a typed plan, and the parts of
// the result that belong to one job (credentials, clean). Used by gantry-runner.
// Inputs that cannot be honoured are errors, never ignored.
#pragma once

#include "core/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gantry::daemon::git {

namespace fs = std::filesystem;

enum class OtherRepositories { refused, allowed };

// What the job knows; the defaults of the inputs come from here.
struct CheckoutContext {
  std::string repository;  // owner/name
  std::string ref;         // github.ref, full
  std::string sha;         // github.sha
  std::string server_url;  // https://github.com
  std::string token;       // github.token, may be empty
  std::string event_name;
  std::string head_repository;  // pull request events: where the head lives
  OtherRepositories other_repositories = OtherRepositories::refused;
};

enum class Clean { yes, no };
enum class Submodules { none, direct, recursive };

struct CheckoutPlan {
  std::string repository;
  // What to check out: `sha` when known already, else `rev` (input `ref`, or empty: the default
  // branch) is to be resolved in the mirror first.
  std::string rev;
  std::string ref;  // full name to leave HEAD on, empty when only the sha is known
  std::string sha;
  fs::path path;  // relative to the workspace; never leaves it; "." is the workspace itself
  std::string remote_url;
  std::uint64_t depth = 1;
  bool tags = false;
  std::vector<std::string> sparse;
  Clean clean = Clean::yes;
  bool persist_credentials = true;
  bool set_safe_directory = true;
  std::string token;
  std::vector<std::string> notes;  // for the job's log: what is taken as already fulfilled
};

// `inputs` by lower-case name; unknown names are the caller's warning (Unexpected input(s)).
core::Result<CheckoutPlan> plan_checkout(const std::map<std::string, std::string>& inputs,
                                         const CheckoutContext& context);

// The names of every input actions/checkout has had.
const std::vector<std::string>& checkout_input_names();

// Adds http.<server>/.extraheader to <work tree>/.git/config, as actions/checkout does, so that git
// in later steps is let in. Nothing happens when the token is empty. Throws core::Exception.
void persist_credentials(const fs::path& work_tree, const CheckoutPlan& plan,
                         const std::string& server_url);

// The secret values that persist_credentials derives from a token and a masker must know.
std::vector<std::string> derived_secrets(const std::string& token);

}  // namespace gantry::daemon::git
