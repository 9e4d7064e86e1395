// SPDX-License-Identifier: MIT
// actions/checkout (v1 to v7) carried out natively: its inputs as a typed plan, and the parts of
// the result that belong to one job (credentials, outputs). Used by gantry-runner.
// Inputs that cannot be honoured are errors, never ignored.
#pragma once

#include "core/base/result.hpp"
#include "daemon/git/protocol.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gantry::daemon::git {

namespace fs = std::filesystem;

// What the job knows; the defaults of the inputs come from here.
struct CheckoutContext {
  std::string repository;  // owner/name
  std::string ref;         // github.ref, full
  std::string sha;         // github.sha
  std::string server_url;  // https://github.com
  std::string token;       // github.token, may be empty
  std::string workspace;   // GITHUB_WORKSPACE as the steps see it
  std::string event_name;
  // pull_request_target and workflow_run: where the code of the pull request is.
  std::string head_repository;
  std::string head_sha;
  std::string merge_sha;
};

enum class Clean { yes, no };
enum class Submodules { no, direct, recursive };
enum class Lfs { no, yes };

// The inputs ssh-*. Without a key https is used.
struct SshInputs {
  std::string key;
  std::string known_hosts;
  std::string user = "git";
  bool strict = true;
};

struct CheckoutPlan {
  std::string repository;
  std::string server_url;  // without a slash at its end
  bool is_own_server = true;
  // `sha` is empty when `rev` has to be resolved in the mirror first; an empty `rev` is then the
  // default branch of another repository.
  std::string rev;
  std::string ref;  // full name to leave HEAD on; empty: detached
  std::string sha;
  fs::path path = ".";  // relative to the workspace, never out of it
  std::string remote_url;
  std::uint64_t depth = 1;
  bool tags = false;
  SparseMode sparse_mode = SparseMode::cone;
  std::vector<std::string> sparse;
  std::string filter;
  Submodules submodules = Submodules::no;
  Lfs lfs = Lfs::no;
  Clean clean = Clean::yes;
  bool persist_credentials = true;
  bool set_safe_directory = true;
  std::string token;        // what later steps get; "" = none
  std::string given_token;  // the workflow's own, not the job's
  SshInputs ssh;
  std::vector<std::string> notes;  // for the job's log
};

// `inputs` by lower-case name. Unknown names are not looked at: those are the caller's warning.
core::Result<CheckoutPlan> plan_checkout(const std::map<std::string, std::string>& inputs,
                                         const CheckoutContext& context);

// The outputs `ref` and `commit` of the step.
std::map<std::string, std::string> checkout_outputs(const CheckoutPlan& plan);

// Every input actions/checkout has had.
const std::vector<std::string>& checkout_input_names();

// For .git/config, so that git in later steps is let in, as actions/checkout does it; "" without
// credentials or when the plan says no. `ssh_command`: of the files written for it, "" = none.
std::string credentials_config(const CheckoutPlan& plan, const std::string& ssh_command);

// Public keys of github.com, which actions/checkout always knows.
std::string_view github_host_keys();

// What persist_credentials writes and the masker must know besides the token.
std::vector<std::string> derived_secrets(const std::string& token);

}  // namespace gantry::daemon::git
