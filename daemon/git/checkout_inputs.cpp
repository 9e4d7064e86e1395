// SPDX-License-Identifier: MIT
#include "daemon/git/checkout_inputs.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::fail;
using core::Result;
using Inputs = std::map<std::string, std::string>;

std::string input(const Inputs& inputs, const std::string& name, std::string_view absent = "") {
  const auto found = inputs.find(name);
  const std::string value(found == inputs.end() ? "" : core::trim(found->second));
  return value.empty() ? std::string(absent) : value;
}

bool is_true(const Inputs& inputs, const std::string& name, std::string_view absent) {
  return core::equals_ignoring_case(input(inputs, name, absent), "true");
}

core::Error refused(const std::string& name, const std::string& value, std::string_view why) {
  return {Errc::invalid,
          "reading input '" + name + "' of actions/checkout: '" + value + "' " + std::string(why)};
}

bool is_sha(std::string_view text) {
  return text.size() == 40 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_repository_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  return slash != std::string_view::npos && slash > 0 && slash + 1 < name.size() &&
         name.find('/', slash + 1) == std::string_view::npos &&
         name.find_first_not_of(kAllowed) == std::string_view::npos &&
         name.find("..") == std::string_view::npos;
}

bool is_server_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view host = url.substr(scheme + 3);
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]";
  return (url.starts_with("https://") || url.starts_with("http://")) && !host.empty() &&
         host.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::optional<core::Error> take_ssh(const Inputs& inputs, CheckoutPlan& plan) {
  plan.ssh.key = input(inputs, "ssh-key");
  plan.ssh.known_hosts = input(inputs, "ssh-known-hosts");
  plan.ssh.user = input(inputs, "ssh-user", "git");
  plan.ssh.strict = is_true(inputs, "ssh-strict", "true");
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (plan.ssh.user.find_first_not_of(kAllowed) != std::string::npos ||
      plan.ssh.user.starts_with('-')) {
    return refused("ssh-user", plan.ssh.user, "is no name of a user");
  }
  std::string host = plan.server_url.substr(plan.server_url.find("://") + 3);
  host = host.substr(0, host.find(':'));
  plan.remote_url = plan.ssh.key.empty()
                        ? plan.server_url + "/" + plan.repository
                        : plan.ssh.user + "@" + host + ":" + plan.repository + ".git";
  return std::nullopt;
}

std::optional<core::Error> take_source(const Inputs& inputs, const CheckoutContext& context,
                                       CheckoutPlan& plan) {
  plan.repository = input(inputs, "repository", context.repository);
  if (!is_repository_name(plan.repository)) {
    return refused("repository", plan.repository, "is not of the form owner/name");
  }
  plan.server_url = input(inputs, "github-server-url", context.server_url);
  while (plan.server_url.ends_with('/'))
    plan.server_url.pop_back();
  if (!is_server_url(plan.server_url)) {
    return refused("github-server-url", plan.server_url,
                   "is no address of a server; give it as https://HOST");
  }
  plan.is_own_server = core::equals_ignoring_case(plan.server_url, context.server_url);
  const bool is_own =
      plan.is_own_server && core::equals_ignoring_case(plan.repository, context.repository);
  plan.rev = input(inputs, "ref");
  if (plan.rev.empty() && is_own) {
    plan.sha = context.sha;
    const bool is_full = context.ref.empty() || context.ref.starts_with("refs/");
    plan.ref = plan.rev = is_full ? context.ref : "refs/heads/" + context.ref;
  } else if (is_sha(plan.rev)) {
    plan.sha = core::to_lower(plan.rev);
    plan.rev.clear();
  }
  return std::nullopt;
}

// With the rights of the base repository, code from a fork must not be run by mistake.
std::optional<core::Error> check_pull_request(const Inputs& inputs, const CheckoutContext& context,
                                              const CheckoutPlan& plan) {
  const bool has_rights =
      context.event_name == "pull_request_target" || context.event_name == "workflow_run";
  const bool is_fork = !context.head_repository.empty() &&
                       !core::equals_ignoring_case(context.head_repository, context.repository);
  if (!has_rights || !is_fork || is_true(inputs, "allow-unsafe-pr-checkout", "false")) {
    return std::nullopt;
  }
  const bool is_head_repository =
      core::equals_ignoring_case(plan.repository, context.head_repository);
  const bool is_head_sha =
      !plan.sha.empty() && (plan.sha == context.head_sha || plan.sha == context.merge_sha);
  if (!is_head_repository && !is_head_sha && !plan.rev.starts_with("refs/pull/")) {
    return std::nullopt;
  }
  return core::Error{Errc::denied,
                     "checking out '" + (plan.rev.empty() ? plan.sha : plan.rev) + "' of '" +
                         plan.repository + "': it is code of a fork, and '" + context.event_name +
                         "' runs with the rights of '" + context.repository +
                         "'; run it under pull_request, or set allow-unsafe-pr-checkout to true"};
}

Result<fs::path> path_of(const Inputs& inputs, const CheckoutContext& context) {
  const std::string given = input(inputs, "path", ".");
  const std::string bad = "leads out of the workspace";
  fs::path path = given;
  if (path.is_absolute()) {
    if (context.workspace.empty()) return fail(refused("path", given, bad));
    path =
        path.lexically_normal().lexically_relative(fs::path(context.workspace).lexically_normal());
  }
  path = path.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const bool is_outside = path.empty() || *path.begin() == ".." || path.is_absolute();
  if (is_outside || given.find('\0') != std::string::npos) {
    return fail(refused("path", given, bad));
  }
  return path;
}

Result<std::uint64_t> depth_of(const Inputs& inputs) {
  const std::string given = input(inputs, "fetch-depth", "1");
  std::int64_t depth = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), depth);
  if (error != std::errc() || end != given.data() + given.size()) {
    return fail(refused("fetch-depth", given, "is not a whole number; 0 is the whole history"));
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(depth, 0));
}

std::vector<std::string> sparse_patterns_of(const Inputs& inputs) {
  std::vector<std::string> patterns;
  const auto given = inputs.find("sparse-checkout");
  if (given == inputs.end()) return patterns;
  for (const std::string_view line : core::split(given->second, '\n')) {
    if (!core::trim(line).empty()) patterns.emplace_back(core::trim(line));
  }
  return patterns;
}

Result<std::vector<std::string>> sparse_folders_of(const Inputs& inputs) {
  std::vector<std::string> folders;
  const std::string given = input(inputs, "sparse-checkout");
  for (std::string_view line : core::split(given, '\n')) {
    line = core::trim(line);
    while (line.starts_with('/'))
      line.remove_prefix(1);
    while (line.ends_with('/'))
      line.remove_suffix(1);
    if (line.empty()) continue;
    const bool is_pattern = line.find_first_of("*?[]!\\") != std::string_view::npos;
    const bool is_inside = fs::path(line).lexically_normal() == fs::path(line) &&
                           !line.starts_with("..") && line != ".";
    if (is_pattern || !is_inside) {
      return fail(refused("sparse-checkout", std::string(line),
                          "is not a folder of the repository; list folders, one a line, or set "
                          "sparse-checkout-cone-mode to false for patterns"));
    }
    folders.emplace_back(line);
  }
  return folders;
}

std::optional<core::Error> take_filter(const Inputs& inputs, CheckoutPlan& plan) {
  plan.filter = input(inputs, "filter", plan.sparse.empty() ? "" : "blob:none");
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:=+%._/-";
  if (plan.filter.find_first_not_of(kAllowed) != std::string::npos) {
    return refused("filter", plan.filter, "is no filter of git fetch, such as blob:none");
  }
  if (!input(inputs, "filter").empty()) {
    plan.notes.push_back("filter '" + plan.filter +
                         "': the objects are here already, none is left out");
  }
  return std::nullopt;
}

void take_contents(const Inputs& inputs, CheckoutPlan& plan) {
  plan.tags = is_true(inputs, "fetch-tags", "false");
  plan.lfs = is_true(inputs, "lfs", "false") ? Lfs::yes : Lfs::no;
  plan.clean = is_true(inputs, "clean", "true") ? Clean::yes : Clean::no;
  const std::string submodules = core::to_lower(input(inputs, "submodules", "false"));
  if (submodules == "true") plan.submodules = Submodules::direct;
  if (submodules == "recursive") plan.submodules = Submodules::recursive;
}

void take_token(const Inputs& inputs, const CheckoutContext& context, CheckoutPlan& plan) {
  plan.given_token = input(inputs, "token");
  // `token: ${{ github.token }}` says the default in words.
  if (plan.given_token == context.token) plan.given_token.clear();
  // The job's token is of the run's server: no other one is shown it.
  plan.token = plan.given_token;
  if (plan.token.empty() && plan.is_own_server) plan.token = context.token;
}

}  // namespace

Result<CheckoutPlan> plan_checkout(const Inputs& inputs, const CheckoutContext& context) {
  CheckoutPlan plan;
  if (auto error = take_source(inputs, context, plan)) return fail(std::move(*error));
  if (auto error = check_pull_request(inputs, context, plan)) return fail(std::move(*error));
  if (auto error = take_ssh(inputs, plan)) return fail(std::move(*error));
  TRY(plan.path, path_of(inputs, context));
  TRY(plan.depth, depth_of(inputs));
  if (is_true(inputs, "sparse-checkout-cone-mode", "true")) {
    TRY(plan.sparse, sparse_folders_of(inputs));
  } else {
    plan.sparse_mode = SparseMode::patterns;
    plan.sparse = sparse_patterns_of(inputs);
  }
  if (auto error = take_filter(inputs, plan)) return fail(std::move(*error));
  take_contents(inputs, plan);
  plan.persist_credentials = is_true(inputs, "persist-credentials", "true");
  plan.set_safe_directory = is_true(inputs, "set-safe-directory", "true");
  take_token(inputs, context, plan);
  return plan;
}

std::map<std::string, std::string> checkout_outputs(const CheckoutPlan& plan) {
  return {{"ref", plan.rev}, {"commit", plan.sha}};
}

const std::vector<std::string>& checkout_input_names() {
  static const std::vector<std::string> names = {"repository",
                                                 "ref",
                                                 "token",
                                                 "ssh-key",
                                                 "ssh-known-hosts",
                                                 "ssh-strict",
                                                 "ssh-user",
                                                 "persist-credentials",
                                                 "path",
                                                 "clean",
                                                 "filter",
                                                 "sparse-checkout",
                                                 "sparse-checkout-cone-mode",
                                                 "fetch-depth",
                                                 "fetch-tags",
                                                 "show-progress",
                                                 "lfs",
                                                 "submodules",
                                                 "set-safe-directory",
                                                 "github-server-url",
                                                 "allow-unsafe-pr-checkout"};
  return names;
}

}  // namespace gantry::daemon::git
