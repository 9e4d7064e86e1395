// SPDX-License-Identifier: MIT
#include "daemon/runner/checkout.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/git/client.hpp"
#include "daemon/git/workspace.hpp"

#include <algorithm>
#include <map>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

constexpr std::chrono::minutes kResolveLimit{1};
constexpr std::chrono::minutes kExportLimit{60};

std::string context_text(const proto::JobMessage& message, std::string_view key) {
  return message.github[key].to_string();
}

git::ClientOptions reader(const proto::JobMessage& message) {
  git::ClientOptions options;
  options.program = message.paths.git_binary;
  options.mirror = message.paths.mirror;
  options.access = git::MirrorAccess::read_only;
  if (message.confine_git == core::config::Confine::no) {
    options.confinement = git::Confinement::none;
  }
  return options;
}

// The commit, where the plan only has a name for it.
void resolve(git::CheckoutPlan& plan, const proto::JobMessage& message) {
  if (!plan.sha.empty()) return;
  git::Client client(reader(message));
  git::Resolve request;
  request.rev = plan.rev;
  const git::Commit commit = client.call(request, kResolveLimit);
  plan.sha = commit.sha;
  if (plan.ref.empty()) plan.ref = commit.ref;
}

// What an earlier step or checkout left there.
void make_empty(int folder_fd, const fs::path& reachable, git::Clean clean) {
  for (const auto& entry : fs::directory_iterator(reachable)) {
    if (clean == git::Clean::no) {
      throw Exception(Errc::invalid,
                      "checking out: the folder is not empty and 'clean: false' would keep its "
                      "files, which is not supported yet; check out into an empty 'path' or drop "
                      "'clean'");
    }
    const auto left = core::remove_tree(fs::path("/proc/self/fd") / std::to_string(folder_fd) /
                                        entry.path().filename());
    if (left) throw Exception(Errc::io, "emptying the workspace: " + *left);
  }
}

}  // namespace

bool is_checkout(std::string_view uses) {
  return core::equals_ignoring_case(uses.substr(0, uses.find('@')), "actions/checkout");
}

core::Result<CheckoutRequest> read_checkout(
    const std::vector<std::pair<std::string, std::string>>& with,
    const proto::JobMessage& message) {
  CheckoutRequest request;
  std::map<std::string, std::string> inputs;
  const std::vector<std::string>& known = git::checkout_input_names();
  for (const auto& [name, value] : with) {
    const std::string lower = core::to_lower(name);
    if (std::find(known.begin(), known.end(), lower) == known.end()) {
      request.warnings.push_back("Unexpected input(s) '" + name + "', valid inputs are [" +
                                 core::join(known, ", ") + "]");
    }
    inputs[lower] = value;
  }
  git::CheckoutContext context;
  context.repository = message.repository.full_name;
  context.ref = context_text(message, "ref");
  context.sha = context_text(message, "sha");
  context.server_url = message.repository.server_url;
  context.token = message.repository.token;
  context.event_name = context_text(message, "event_name");
  context.head_repository =
      message.github["event"]["pull_request"]["head"]["repo"]["full_name"].to_string();
  TRY(request.plan, git::plan_checkout(inputs, context));
  return request;
}

std::vector<std::string> carry_out_checkout(const git::CheckoutPlan& wanted,
                                            const proto::JobMessage& message,
                                            const JobFolder& folder) {
  git::CheckoutPlan plan = wanted;
  resolve(plan, message);
  const core::UniqueFd target = folder.open_workspace(plan.path, JobFolder::Create::yes);
  // The descriptor's own path: whatever the job renames or links meanwhile, we stay in this folder.
  const fs::path reachable = fs::path("/proc/self/fd") / std::to_string(target.get());
  make_empty(target.get(), reachable, plan.clean);

  git::Export what;
  what.sha = plan.sha;
  what.ref = plan.ref;
  what.remote_url = plan.remote_url;
  what.depth = plan.depth;
  what.tags = plan.tags;
  what.sparse = plan.sparse;
  git::SharedTrees trees;
  trees.folder = message.paths.trees;
  trees.mirror = message.paths.mirror;
  git::give_tree(trees, what, reachable, [&](const git::Export& one) {
    git::ClientOptions options = reader(message);
    options.export_to = one.dest;
    git::Client client(std::move(options));
    client.call(one, kExportLimit);
  });
  if (plan.persist_credentials) {
    git::persist_credentials(reachable, plan, message.repository.server_url);
  }

  std::vector<std::string> lines = plan.notes;
  lines.push_back("Checked out " + plan.repository + " at " + plan.sha +
                  (plan.ref.empty() ? "" : " (" + plan.ref + ")"));
  return lines;
}

}  // namespace gantry::daemon::runner
