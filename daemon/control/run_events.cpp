// SPDX-License-Identifier: MIT
#include "daemon/control/run_events.hpp"

#include "storage/repos.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::expr::Kind;
using core::expr::Value;
using core::workflow::TriggerRule;
using nlohmann::json;
using storage::Database;

constexpr std::string_view kEvent = "workflow_run";
constexpr std::string_view kGuid = "gantry-run-";
// A run that no other run caused is level 0; GitHub starts three levels after it.
constexpr int kLevels = 3;

std::string_view word(RunPhase phase) {
  switch (phase) {
    case RunPhase::requested:
      return "requested";
    case RunPhase::in_progress:
      return "in_progress";
    case RunPhase::completed:
      return "completed";
  }
  return "completed";
}

json as_json(const Value& value) {
  return json::parse(core::expr::to_json(value));
}

// How many runs caused one another before this one.
int level_of(Database& d, const storage::Run& run) {
  if (run.event != kEvent || !run.delivery) return 0;
  const auto delivery = storage::find_delivery(d, *run.delivery);
  if (!delivery || !delivery->guid.starts_with(kGuid)) return 0;
  const json headers = json::parse(delivery->headers, nullptr, false);
  return headers.is_object() ? headers.value("level", 0) : 0;
}

// One side of a pull request as runs show it.
json side_of(const Value& side) {
  const Value& repo = side["repo"];
  return {{"ref", as_json(side["ref"])},
          {"sha", as_json(side["sha"])},
          {"repo",
           {{"id", as_json(repo["id"])},
            {"name", as_json(repo["name"])},
            {"url", as_json(repo["url"])}}}};
}

// GitHub's shape, with what the event of the run knows better than our rows.
json payload_of(const storage::Run& run, const storage::Repository& repo,
                const storage::Workflow& workflow, RunPhase phase, const Value& event,
                const ViewBase& base) {
  json view = github_run(run, repo, workflow.path, base);
  json repository = github_repository(repo, base);
  if (event["repository"]["full_name"].kind() == Kind::string) {
    repository.update(as_json(event["repository"]));
  }
  view["repository"] = repository;
  view["head_repository"] = repository;
  const Value& pull = event["pull_request"];
  view["pull_requests"] = json::array();
  if (pull.kind() == Kind::object) {
    const Value& head = pull["head"]["repo"];
    view["head_repository"] = as_json(head);
    // As at GitHub, a fork's are not listed.
    if (head["id"].to_string() == event["repository"]["id"].to_string()) {
      view["pull_requests"].push_back({{"id", as_json(pull["id"])},
                                       {"number", as_json(pull["number"])},
                                       {"url", as_json(pull["url"])},
                                       {"head", side_of(pull["head"])},
                                       {"base", side_of(pull["base"])}});
    }
  }
  json payload = {{"action", word(phase)},
                  {"workflow_run", std::move(view)},
                  {"workflow", github_workflow(workflow, repo, base)},
                  {"repository", std::move(repository)},
                  {"sender", {{"login", run.triggering_actor}}}};
  for (const char* name : {"organization", "enterprise", "installation", "sender"}) {
    if (event[name].kind() == Kind::object) payload[name] = as_json(event[name]);
  }
  return payload;
}

}  // namespace

bool RunTeller::is_followed(const storage::Run& run, RunPhase phase) const {
  if (!tells_) return false;
  if (!followers_) return true;
  core::workflow::Event event;
  event.name = kEvent;
  event.action = word(phase);
  event.run_workflow = run.workflow_name;
  event.run_branch = run.head_branch;
  return std::any_of(followers_->begin(), followers_->end(), [&](const auto& workflow) {
    const auto decision = core::workflow::decide_trigger(*workflow, event, std::nullopt);
    // Stopped by its branches: worth a delivery that says so.
    return decision.starts || decision.rule == TriggerRule::ref_not_selected;
  });
}

void RunTeller::tell(Database& d, core::RunId id, RunPhase phase, const Value& github,
                     core::Timestamp now, std::vector<storage::Delivery>& told) const {
  if (!tells_) return;
  const Value& event = github["event"];
  if (!event["gantry"].is_null()) return;  // asked for by hand: that and no more
  const auto run = storage::find_run(d, id);
  if (!run || !is_followed(*run, phase)) return;
  const auto repo = storage::find_repository(d, run->repo);
  const auto workflow = storage::find_workflow(d, run->workflow);
  if (!repo || !workflow) return;
  const int level = level_of(d, *run) + 1;
  storage::Delivery delivery;
  delivery.guid = std::string(kGuid) + std::to_string(id.value) + "-" +
                  std::to_string(run->attempt) + "-" + std::string(word(phase));
  delivery.event = kEvent;
  delivery.action = word(phase);
  delivery.repo = run->repo;
  delivery.headers = json{{"level", level}}.dump();
  delivery.payload = payload_of(*run, *repo, *workflow, phase, event, base_)
                         .dump(-1, ' ', false, json::error_handler_t::replace);
  delivery.received_at = now;
  if (level > kLevels) {
    delivery.state = storage::DeliveryState::ignored;
    delivery.processed_at = now;
    delivery.reason =
        "three workflows have followed one another already; GitHub ends chains of "
        "workflow_run here";
  }
  const auto inserted = insert_delivery(d, delivery);
  delivery.id = inserted.id;
  if (level <= kLevels && inserted.is_new) told.push_back(std::move(delivery));
}

void RunEvents::learn(core::RepoId repo, const std::vector<core::run::WorkflowFile>& files,
                      core::Timestamp seen) {
  Known& known = known_[repo];
  if (known.followers && seen < known.seen) return;
  auto followers = std::make_shared<RunFollowers>();
  for (const auto& file : files) {
    const auto& workflow = file.parsed.workflow;
    if (workflow && workflow->find_trigger(kEvent) != nullptr) followers->push_back(workflow);
  }
  known.followers = std::move(followers);
  known.seen = seen;
}

RunTeller RunEvents::teller_of(core::RepoId repo) const {
  const auto settings = settings_.get();
  ViewBase base;
  base.web = settings->public_url();
  base.api = base.web + "/api/v3";
  const auto known = known_.find(repo);
  return {known == known_.end() ? nullptr : known->second.followers, std::move(base)};
}

}  // namespace gantry::daemon::control
