// SPDX-License-Identifier: MIT
#include "daemon/runner/checkouts.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"
#include "daemon/git/workspace.hpp"
#include "daemon/runner/place_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::daemon::runner {
namespace {

using async::Task;
using core::Errc;
using core::Exception;

constexpr std::chrono::minutes kFetchLimit{30};
constexpr std::chrono::minutes kReadLimit{1};
constexpr std::chrono::minutes kExportLimit{60};

fs::path reachable(const core::UniqueFd& folder) {
  return fs::path("/proc/self/fd") / std::to_string(folder.get());
}

void write_private(const fs::path& file, std::string_view text) {
  fs::remove(file);
  const core::UniqueFd fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) core::throw_errno("writing '" + file.string() + "'");
  core::write_all(fd.get(), text);
}

git::Export export_of(const git::CheckoutPlan& plan, std::string sha, std::string ref) {
  git::Export what;
  what.sha = std::move(sha);
  what.ref = std::move(ref);
  what.remote_url = plan.remote_url;
  what.depth = plan.depth;
  what.tags = plan.tags;
  what.sparse_mode = plan.sparse_mode;
  what.sparse = plan.sparse;
  what.filter = plan.filter;
  return what;
}

}  // namespace

struct Checkouts::Asked {
  bool done = false;
  proto::MirrorAnswer answer;
  std::optional<core::Error> error;
};

Checkouts::Checkouts(async::Runtime& runtime, GantrydLink& link, const proto::JobMessage& message,
                     JobFolder& folder)
    : runtime_(runtime),
      link_(link),
      message_(message),
      folder_(folder),
      git_(message),
      tasks_(runtime.executor()),
      changed_(runtime.executor()) {}

Checkouts::~Checkouts() = default;

void Checkouts::stop() {
  stopped_ = true;
  git_.stop();
  changed_.notify();
}

Task<> Checkouts::close() {
  co_await tasks_.close();
}

fs::path Checkouts::make_own(const std::string& name) {
  fs::path path = fs::absolute(folder_.own()) / (name + std::to_string(++made_));
  fs::create_directories(path);
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

Task<> Checkouts::ask_into(std::shared_ptr<Asked> asked, proto::MirrorRequest request) {
  try {
    asked->answer = co_await link_.find_mirror(std::move(request));
  } catch (const Exception& error) {
    asked->error = error.error();
  }
  asked->done = true;
  changed_.notify();
}

Task<Checkouts::Mirror> Checkouts::ask_gantryd(std::string repository, Wanted wanted) {
  proto::MirrorRequest request;
  request.repository = std::move(repository);
  request.sha = std::move(wanted.sha);
  request.rev = std::move(wanted.rev);
  const auto asked = std::make_shared<Asked>();  // shared with the task, which may end later
  tasks_.spawn("asking for a mirror", ask_into(asked, std::move(request)));
  while (!asked->done && !stopped_)
    co_await changed_.wait();
  git_.check_not_stopped();
  if (asked->error) throw Exception(*asked->error);
  Mirror mirror;
  mirror.path = asked->answer.mirror;
  mirror.trees = asked->answer.trees;
  mirror.sha = asked->answer.sha;
  mirror.ref = asked->answer.ref;
  co_return mirror;
}

Task<Checkouts::Mirror> Checkouts::find_mirror(const git::CheckoutPlan& plan, Wanted wanted) {
  OriginWanted asked;
  asked.url = wanted.url;
  asked.given_token = plan.given_token;
  asked.token_server = plan.server_url;
  asked.has_ssh_key = !plan.ssh.key.empty();
  const core::Result<Origin> origin = choose_origin(asked, message_);
  if (!origin) throw Exception(origin.error());
  if (origin->kind == Origin::Kind::mirror && !wanted.sha.empty()) {
    Mirror own;
    own.path = message_.paths.mirror;
    own.trees = message_.paths.trees;
    own.sha = wanted.sha;
    co_return own;
  }
  if (origin->kind != Origin::Kind::fetch) {
    std::optional<Mirror> mirror;
    try {
      mirror = co_await ask_gantryd(origin->repository, wanted);
    } catch (const Exception& error) {
      const bool is_final = error.error().code != Errc::denied || origin->source.url.empty();
      if (is_final || origin->kind == Origin::Kind::mirror) throw;
    }
    if (mirror) co_return std::move(*mirror);
  }
  co_return co_await async::offload(runtime_.pool(), [&] { return fetch(*origin, wanted); });
}

Checkouts::Mirror Checkouts::fetch(const Origin& origin, const Wanted& wanted) {
  git::Source source = origin.source;
  const bool is_ssh = server_of(source.url).empty();
  if (is_ssh) {
    source.ssh_key = ssh_.key;
    source.known_hosts = ssh_.known_hosts;
    source.ca_file.clear();
  }
  fs::path& path = mirrors_[source.url + '\n' + source.token];
  if (path.empty()) path = make_own("mirror");
  git::ClientOptions options = git_.reader(path);
  options.access = git::MirrorAccess::read_write;
  options.source = source;
  if (origin.public_only) {
    if (message_.confine_git == core::config::Confine::no) {
      throw Exception(Errc::denied, "fetching '" + source.url +
                                        "': without 'confine_git' it cannot be held to public "
                                        "addresses");
    }
    const std::string host = host_of(source.url);
    options.hosts_file = make_own("hosts") / "hosts";
    core::write_file_atomic(options.hosts_file, public_address(host) + " " + host + "\n");
  }
  git::Fetch request;
  request.source = source;
  if (wanted.rev.starts_with("refs/pull/")) request.pulls.push_back(wanted.rev);
  const git::RefList list = git_.call(options, request, kFetchLimit);
  git::Resolve resolve;
  resolve.rev = !wanted.sha.empty() ? wanted.sha : wanted.rev;
  if (resolve.rev.empty()) resolve.rev = list.default_branch;
  if (resolve.rev.empty()) {
    throw Exception(Errc::not_found, "checking out '" + wanted.url + "': the repository is empty");
  }
  const git::Commit commit = git_.call(git_.reader(path), resolve, kReadLimit);
  return {.path = path, .trees = {}, .sha = commit.sha, .ref = commit.ref};
}

void Checkouts::export_into(const Mirror& mirror, git::Export what, const fs::path& folder) {
  const auto exporter = [&](const git::Export& one) {
    git::ClientOptions options = git_.reader(mirror.path);
    options.export_to = one.dest;
    git_.call(std::move(options), one, kExportLimit);
  };
  if (mirror.trees.empty()) {
    what.dest = folder;
    exporter(what);
    return;
  }
  git::SharedTrees trees;
  trees.folder = mirror.trees;
  trees.mirror = mirror.path;
  git::give_tree(trees, what, folder, exporter);
}

// `clean: false` after a checkout of the same repository: what git does not know stays. False when
// there was none, and nothing was done.
bool Checkouts::fill_kept(const git::CheckoutPlan& plan, const Tree& tree, const git::Export& what,
                          int target) {
  const auto before = placed_.find(plan.path);
  if (before == placed_.end() || before->second.url != tree.url ||
      before->second.mirror.path != tree.mirror.path) {
    return false;
  }
  const fs::path made = make_own("tree");
  export_into(tree.mirror, what, made);
  git::Diff diff;
  diff.base = before->second.mirror.sha;
  diff.head = what.sha;
  diff.limit = UINT32_MAX;
  const git::Difference changes = git_.call(git_.reader(tree.mirror.path), diff, kReadLimit);
  for (const std::string& path : changes.paths) {
    if (!fs::exists(fs::symlink_status(made / path))) remove_beneath(target, path);
  }
  remove_beneath(target, ".git");
  place_tree(made, target);
  return true;
}

void Checkouts::fill(const git::CheckoutPlan& plan, const Tree& tree, const git::Export& what) {
  const core::UniqueFd target = folder_.open_workspace(plan.path, JobFolder::Create::yes);
  if (plan.clean == git::Clean::no && fill_kept(plan, tree, what, target.get())) return;
  empty_folder(target.get());
  if (!tree.mirror.trees.empty()) {
    // The descriptor's own path: whatever the job renames or links meanwhile, we stay in it.
    export_into(tree.mirror, what, reachable(target));
    return;
  }
  const fs::path made = make_own("tree");
  export_into(tree.mirror, what, made);
  place_tree(made, target.get());
}

Task<Checkouts::Tree> Checkouts::place_main(const git::CheckoutPlan& plan) {
  Wanted wanted;
  wanted.url = plan.remote_url;
  wanted.sha = plan.sha;
  wanted.rev = plan.sha.empty() ? plan.rev : "";
  Tree tree;
  tree.url = plan.remote_url;
  tree.path = plan.path;
  tree.git_folder = (plan.path / ".git").lexically_normal();
  tree.mirror = co_await find_mirror(plan, wanted);
  if (!plan.sha.empty()) tree.mirror.ref = plan.ref;
  git::Export what = export_of(plan, tree.mirror.sha, tree.mirror.ref);
  bool is_missing = false;
  const auto fill_it = [&] { fill(plan, tree, what); };
  try {
    co_await async::offload(runtime_.pool(), fill_it);
  } catch (const Exception& error) {
    is_missing = error.error().code == Errc::not_found && tree.mirror.path == message_.paths.mirror;
    if (!is_missing || wanted.sha.empty()) throw;
  }
  if (is_missing) {  // newer than what gantryd had fetched, or from elsewhere
    const Mirror fetched = co_await ask_gantryd(message_.repository.full_name, wanted);
    tree.mirror.sha = what.sha = fetched.sha;
    co_await async::offload(runtime_.pool(), fill_it);
  }
  co_return tree;
}

void Checkouts::write_ssh_files(const git::CheckoutPlan& plan) {
  ssh_ = {};
  if (plan.ssh.key.empty()) return;
  const fs::path own = make_own("ssh");
  const std::string key = plan.ssh.key + "\n";
  const std::string hosts = plan.ssh.known_hosts + "\n" + std::string(git::github_host_keys());
  ssh_.key = own / "key";
  ssh_.known_hosts = own / "known_hosts";
  write_private(ssh_.key, key);
  write_private(ssh_.known_hosts, hosts);
  if (!plan.persist_credentials) return;
  const std::string name = core::random_hex(16);
  folder_.write_temp_file(name, key, 0600);
  folder_.write_temp_file(name + "_known_hosts", hosts);
  ssh_.command = "\"/usr/bin/ssh\" -i \"$RUNNER_TEMP/" + name + "\"";
  if (plan.ssh.strict) ssh_.command += " -o StrictHostKeyChecking=yes -o CheckHostIP=no";
  ssh_.command += " -o \"UserKnownHostsFile=$RUNNER_TEMP/" + name + "_known_hosts\"";
}

Task<Checkouts::Done> Checkouts::carry_out(git::CheckoutPlan plan) {
  stopped_ = false;
  git_.begin();
  write_ssh_files(plan);
  const Tree tree = co_await place_main(plan);
  {
    const core::UniqueFd target = folder_.open_workspace(plan.path, JobFolder::Create::no);
    if (!target) throw Exception(Errc::not_found, "checking out: the job removed the folder");
    append_beneath(target.get(), ".git/config", git::credentials_config(plan, ssh_.command));
  }
  placed_[plan.path] = tree;
  if (plan.rev.empty() && plan.sha.empty()) plan.rev = tree.mirror.ref;  // the default branch
  plan.sha = tree.mirror.sha;
  Done done;
  done.sha = plan.sha;
  done.outputs = git::checkout_outputs(plan);
  done.lines = plan.notes;
  done.lines.push_back("Checked out " + plan.repository + " at " + plan.sha +
                       (tree.mirror.ref.empty() ? "" : " (" + tree.mirror.ref + ")"));
  if (plan.submodules != git::Submodules::no) co_await place_submodules(plan, tree, done);
  co_return done;
}

}  // namespace gantry::daemon::runner
