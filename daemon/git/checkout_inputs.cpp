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

std::optional<core::Error> take_source(const Inputs& inputs, const CheckoutContext& context,
                                       CheckoutPlan& plan) {
  plan.repository = input(inputs, "repository", context.repository);
  if (!is_repository_name(plan.repository)) {
    return refused("repository", plan.repository, "is not of the form owner/name");
  }
  const bool is_own = core::equals_ignoring_case(plan.repository, context.repository);
  if (!is_own && context.other_repositories == OtherRepositories::refused) {
    return refused("repository", plan.repository,
                   "is not the repository of this run; only '" + context.repository +
                       "' can be checked out here");
  }
  const std::string server = input(inputs, "github-server-url", context.server_url);
  if (!core::equals_ignoring_case(server, context.server_url)) {
    return refused("github-server-url", server, "is not the server of this run; remove the input");
  }
  plan.remote_url = context.server_url + "/" + plan.repository;
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

Result<std::vector<std::string>> sparse_of(const Inputs& inputs) {
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
                          "is not a folder of the repository; list folders, one a line"));
    }
    folders.emplace_back(line);
  }
  if (!folders.empty() && !is_true(inputs, "sparse-checkout-cone-mode", "true")) {
    return fail(refused("sparse-checkout-cone-mode", "false",
                        "is not supported; list folders and leave cone mode on"));
  }
  return folders;
}

std::optional<core::Error> check_unsupported(const Inputs& inputs, CheckoutPlan& plan) {
  if (is_true(inputs, "lfs", "false")) {
    return refused("lfs", "true",
                   "is not supported yet; remove it and run `git lfs pull` in a step");
  }
  const std::string submodules = core::to_lower(input(inputs, "submodules", "false"));
  if (submodules == "true" || submodules == "recursive") {
    return refused("submodules", submodules,
                   "is not supported yet; remove it and run `git submodule update --init` in a "
                   "step");
  }
  if (!input(inputs, "ssh-key").empty()) {
    return core::Error{Errc::invalid,
                       "reading input 'ssh-key' of actions/checkout: the code comes from this "
                       "server's mirror, no key is used; remove it, and give a key to the step "
                       "that pushes"};
  }
  if (const std::string filter = input(inputs, "filter"); !filter.empty()) {
    plan.notes.push_back("filter '" + filter + "': the objects are here already, none is left out");
  }
  return std::nullopt;
}

}  // namespace

Result<CheckoutPlan> plan_checkout(const Inputs& inputs, const CheckoutContext& context) {
  CheckoutPlan plan;
  if (auto error = take_source(inputs, context, plan)) return fail(std::move(*error));
  if (auto error = check_pull_request(inputs, context, plan)) return fail(std::move(*error));
  if (auto error = check_unsupported(inputs, plan)) return fail(std::move(*error));
  TRY(plan.path, path_of(inputs, context));
  TRY(plan.depth, depth_of(inputs));
  TRY(plan.sparse, sparse_of(inputs));
  plan.tags = is_true(inputs, "fetch-tags", "false");
  plan.clean = is_true(inputs, "clean", "true") ? Clean::yes : Clean::no;
  plan.persist_credentials = is_true(inputs, "persist-credentials", "true");
  plan.set_safe_directory = is_true(inputs, "set-safe-directory", "true");
  plan.token = input(inputs, "token", context.token);
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
