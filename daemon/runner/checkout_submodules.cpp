// SPDX-License-Identifier: MIT
// Submodules of a checkout, laid out as git does: work tree in its place, .git in the parent's
// modules. Each is fetched with the same rights as another repository would be.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/runner/checkouts.hpp"
#include "daemon/runner/place_tree.hpp"

#include <stdio.h>

#include <algorithm>

namespace gantry::daemon::runner {
namespace {

using async::Task;
using core::Errc;
using core::Exception;

constexpr std::chrono::minutes kReadLimit{1};
constexpr std::ptrdiff_t kDeepest = 20;

std::string quoted(const std::string& text) {
  return "\"" + core::replace_all(core::replace_all(text, "\\", "\\\\"), "\"", "\\\"") + "\"";
}

// With a key git uses ssh, without one https: as actions/checkout leaves it.
std::string https_instead_of_ssh(const git::CheckoutPlan& plan) {
  if (!plan.persist_credentials || !plan.ssh.key.empty()) return {};
  return "[url " + quoted(plan.server_url + "/") + "]\n\tinsteadOf = git@" +
         host_of(plan.server_url) + ":\n";
}

}  // namespace

Task<> Checkouts::place_submodules(const git::CheckoutPlan& plan, Tree parent, Done& done) {
  const auto depth = std::count(parent.git_folder.begin(), parent.git_folder.end(), "modules");
  if (depth > kDeepest) {
    throw Exception(Errc::too_large, "checking out submodules: they lie too deep in each other");
  }
  git::FindSubmodules request;
  request.sha = parent.mirror.sha;
  const git::SubmoduleList list = co_await async::offload(runtime_.pool(), [&] {
    return git_.call(git_.reader(parent.mirror.path), request, kReadLimit);
  });
  for (const git::Submodule& submodule : list.submodules) {
    Tree tree;
    tree.path = (parent.path / submodule.path).lexically_normal();
    tree.git_folder = parent.git_folder / "modules" / submodule.name;
    tree.url = resolve_url(parent.url, submodule.url);
    co_await place_submodule(plan, submodule, parent, tree);
    done.lines.push_back("Submodule path '" + submodule.path + "': checked out '" + submodule.sha +
                         "'");
    if (plan.submodules == git::Submodules::recursive) co_await place_submodules(plan, tree, done);
  }
}

Task<> Checkouts::place_submodule(const git::CheckoutPlan& plan, const git::Submodule& submodule,
                                  const Tree& parent, Tree& tree) {
  Wanted wanted;
  wanted.url = tree.url;
  wanted.sha = submodule.sha;
  std::optional<core::Error> failed;
  try {
    tree.mirror = co_await find_mirror(plan, wanted);
    if (tree.mirror.path == message_.paths.mirror) {
      tree.mirror = co_await ask_gantryd(message_.repository.full_name, wanted);
    }
    const auto place = [&] {
      git::Export what;
      what.sha = tree.mirror.sha;
      what.remote_url = tree.url;
      what.depth = plan.depth;
      const fs::path made = make_own("tree");
      export_into(tree.mirror, what, made);
      link_submodule(plan, submodule, parent, tree, made);
    };
    co_await async::offload(runtime_.pool(), place);
  } catch (const Exception& error) {
    failed = error.error();
  }
  if (failed) {
    throw Exception(
        std::move(*failed).while_doing("checking out submodule '" + submodule.path + "'"));
  }
}

void Checkouts::link_submodule(const git::CheckoutPlan& plan, const git::Submodule& submodule,
                               const Tree& parent, const Tree& tree, const fs::path& made) {
  const core::UniqueFd config = folder_.open_workspace(parent.git_folder, JobFolder::Create::no);
  if (!config) throw Exception(Errc::not_found, "the job removed '.git' meanwhile");
  append_beneath(config.get(), "config",
                 "[submodule " + quoted(submodule.name) +
                     "]\n\tactive = true\n\turl = " + quoted(tree.url) + "\n");
  const core::UniqueFd own = core::open_directory(made);
  append_beneath(
      own.get(), ".git/config",
      "[core]\n\tworktree = " + quoted(tree.path.lexically_relative(tree.git_folder).string()) +
          "\n" + git::credentials_config(plan, ssh_.command) + https_instead_of_ssh(plan));
  const core::UniqueFd modules =
      folder_.open_workspace(tree.git_folder.parent_path(), JobFolder::Create::yes);
  const fs::path name = tree.git_folder.filename();
  remove_beneath(modules.get(), name);
  if (::renameat(own.get(), ".git", modules.get(), name.c_str()) != 0) {
    core::throw_errno("putting '" + tree.git_folder.string() + "' into the workspace");
  }
  core::write_file_atomic(
      made / ".git", "gitdir: " + tree.git_folder.lexically_relative(tree.path).string() + "\n");
  const core::UniqueFd target = folder_.open_workspace(tree.path, JobFolder::Create::yes);
  empty_folder(target.get());
  place_tree(made, target.get());
}

}  // namespace gantry::daemon::runner
