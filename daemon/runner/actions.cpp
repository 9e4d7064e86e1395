// SPDX-License-Identifier: MIT
#include "daemon/runner/actions.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/run/sandbox_spec.hpp"
#include "daemon/runner/checkout.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <future>
#include <optional>
#include <set>
#include <variant>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;
using core::workflow::ActionKind;
using core::workflow::ActionReference;
using core::workflow::ActionSource;
using core::workflow::Located;
using core::workflow::Step;

constexpr std::size_t kAtOnce = 4;
constexpr std::uint64_t kManifestLimitBytes = 1 << 20;

std::string read_regular(int folder_fd, const std::string& name, const std::string& shown) {
  const core::UniqueFd file = core::open_beneath(folder_fd, name, O_RDONLY);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Exception(Errc::invalid, "reading '" + shown + "': it is no plain file");
  }
  return core::read_file(fs::path("/proc/self/fd") / std::to_string(file.get()),
                         kManifestLimitBytes);
}

// A step to look at, and the step of the job that led to it.
struct Wanted {
  ActionReference reference;
  Located<std::string> origin;
  std::string way;  // "in composite action 'a/b@v1': ", or ""
};

// owner/name@ref; paths of one repository share a tree.
std::string repository_key(const ActionReference& reference) {
  return core::to_lower(reference.repository) + '@' + reference.ref;
}

class Preparation {
 public:
  Preparation(const core::workflow::ActionPolicy& policy, const ActionStore& store)
      : policy_(policy), store_(store) {}

  PreparedActions run(const std::vector<Step>& steps) {
    std::vector<Wanted> wanted;
    for (const Step& step : steps)
      want(step, step.uses.value_or(Located<std::string>()), "", wanted);
    for (int depth = 0; !wanted.empty(); ++depth) {
      if (depth >= core::workflow::kMaxCompositeDepth) {
        for (const Wanted& one : wanted) {
          refuse(one, "Composite action depth exceeded max depth " +
                          std::to_string(core::workflow::kMaxCompositeDepth));
        }
        break;
      }
      fetch(wanted);
      std::vector<Wanted> next;
      for (const Wanted& one : wanted)
        load(one, next);
      wanted = std::move(next);
    }
    return std::move(prepared_);
  }

 private:
  void refuse(const Wanted& wanted, const std::string& why) {
    prepared_.problems.push_back({wanted.origin, wanted.way + why});
  }

  void want(const Step& step, const Located<std::string>& origin, const std::string& way,
            std::vector<Wanted>& into) {
    if (!step.uses || is_checkout(step.uses->value)) return;
    auto reference = core::workflow::parse_action_reference(step.uses->value);
    Wanted wanted{{}, origin, way};
    if (!reference) return refuse(wanted, reference.error().message);
    if (reference->source != ActionSource::remote) return;
    wanted.reference = std::move(*reference);
    const std::string why = core::workflow::refuse_action(wanted.reference, policy_);
    if (!why.empty()) return refuse(wanted, why);
    into.push_back(std::move(wanted));
  }

  // All that is not here yet, some at a time.
  void fetch(const std::vector<Wanted>& wanted) {
    std::map<std::string, const ActionReference*> missing;
    for (const Wanted& one : wanted) {
      const std::string key = repository_key(one.reference);
      if (!trees_.contains(key)) missing.emplace(key, &one.reference);
    }
    for (auto next = missing.begin(); next != missing.end();) {
      std::vector<std::pair<std::string, std::future<Tree>>> running;
      for (; next != missing.end() && running.size() < kAtOnce; ++next) {
        const auto get = [this, reference = next->second] { return try_get(*reference); };
        // One alone, which is the rule, needs no thread.
        const auto how = missing.size() == 1 ? std::launch::deferred : std::launch::async;
        running.emplace_back(next->first, std::async(how, get));
      }
      for (auto& [key, tree] : running)
        keep(key, *missing.at(key), tree.get());
    }
  }

  using Tree = std::variant<StoredAction, std::string>;  // or why not
  Tree try_get(const ActionReference& reference) const {
    try {
      return store_.get(reference.repository, reference.ref);
    } catch (const std::exception& exception) {
      return std::string(exception.what());
    }
  }

  void keep(const std::string& key, const ActionReference& reference, Tree tree) {
    if (const auto* stored = std::get_if<StoredAction>(&tree)) {
      prepared_.lines.push_back("Action repository '" + reference.repository + "@" + reference.ref +
                                "' (SHA:" + stored->sha + ")");
      if (!stored->warning.empty()) prepared_.warnings.push_back(stored->warning);
      // A ref with '/' could lie inside another one's folder.
      const bool plain = reference.ref.find('/') == std::string::npos;
      const std::string folder =
          core::to_lower(reference.repository) + '/' + (plain ? reference.ref : stored->sha);
      folders_[key] = folder;
      if (shown_.insert(folder).second) prepared_.trees.push_back({stored->tree, folder});
    }
    trees_.emplace(key, std::move(tree));
  }

  void load(const Wanted& wanted, std::vector<Wanted>& next) {
    const ActionReference& reference = wanted.reference;
    const std::string written = reference.written();
    const std::string key = repository_key(reference);
    const auto* stored = std::get_if<StoredAction>(&trees_.at(key));
    if (stored == nullptr) return refuse(wanted, std::get<std::string>(trees_.at(key)));
    ReadyPointer& ready = prepared_.ready[written];
    try {
      if (!ready) ready = read(reference, *stored, folders_.at(key));
    } catch (const Exception& exception) {
      prepared_.ready.erase(written);
      return refuse(wanted, exception.what());
    }
    if (ready->manifest->kind != ActionKind::composite) return;
    for (const Step& step : ready->manifest->steps) {
      want(step, wanted.origin, "in composite action '" + written + "': ", next);
    }
  }

  static ReadyPointer read(const ActionReference& reference, const StoredAction& stored,
                           const std::string& folder) {
    const std::string below = reference.path.empty() ? "" : "/" + reference.path;
    const core::UniqueFd tree = core::open_directory(stored.tree);
    const core::UniqueFd place = core::open_beneath(
        tree.get(), reference.path.empty() ? "." : reference.path, O_RDONLY | O_DIRECTORY);
    auto ready = std::make_shared<ReadyAction>();
    ready->reference = reference;
    ready->folder = std::string(core::run::kSandboxActions) + '/' + folder + below;
    if (place) ready->manifest = read_manifest(place.get(), reference.repository + below);
    if (!ready->manifest) {
      throw Exception(Errc::not_found, no_manifest(reference.written()));
    }
    return ready;
  }

  const core::workflow::ActionPolicy& policy_;
  const ActionStore& store_;
  std::map<std::string, Tree> trees_;
  std::map<std::string, std::string> folders_;
  std::set<std::string> shown_;
  PreparedActions prepared_;
};

// An image to be built; whoever runs it says what is missing.
std::shared_ptr<const core::workflow::Action> of_dockerfile(const std::string& shown) {
  auto action = std::make_shared<core::workflow::Action>();
  action->file = shown + "/Dockerfile";
  action->kind = ActionKind::docker;
  action->image = "Dockerfile";
  return action;
}

}  // namespace

PreparedActions prepare_actions(const std::vector<Step>& steps,
                                const core::workflow::ActionPolicy& policy,
                                const ActionStore& store) {
  return Preparation(policy, store).run(steps);
}

std::shared_ptr<const core::workflow::Action> read_manifest(int folder_fd,
                                                            const std::string& shown) {
  for (const std::string_view name : core::workflow::kManifestNames) {
    const std::string file = (shown.empty() ? "" : shown + '/') + std::string(name);
    if (!core::open_beneath(folder_fd, name, O_RDONLY)) continue;
    const std::string text = read_regular(folder_fd, std::string(name), file);
    core::workflow::ParsedAction parsed = core::workflow::parse_action(file, text);
    if (parsed.action) return parsed.action;
    throw Exception(Errc::invalid, "reading the action's manifest:\n" +
                                       core::yaml::render_all(parsed.diagnostics, file, text));
  }
  for (const char* name : {"Dockerfile", "dockerfile"}) {
    if (core::open_beneath(folder_fd, name, O_RDONLY)) return of_dockerfile(shown);
  }
  return nullptr;
}

std::string no_manifest(std::string_view folder) {
  return "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '" + std::string(folder) +
         "'";
}

}  // namespace gantry::daemon::runner
