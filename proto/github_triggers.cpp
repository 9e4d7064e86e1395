// SPDX-License-Identifier: MIT
// Which ref and commit each event runs at, as GitHub's table of events says.
#include "core/base/text.hpp"
#include "proto/github_payload.hpp"

#include <array>

namespace gantry::proto {
namespace {

using core::Result;
using core::expr::Kind;
using core::expr::Value;
using core::workflow::Event;
using core::workflow::set_default_branch;
using core::workflow::set_ref;

// The object an event is about; its id and time of change tell two events from one sent twice.
constexpr std::array<std::string_view, 16> kSubjects = {
    "comment",     "review",       "deployment_status", "deployment",  "issue",  "discussion",
    "release",     "label",        "milestone",         "check_run",   "forkee", "check_suite",
    "merge_group", "workflow_run", "registry_package",  "pull_request"};

std::string dedupe_key(const Event& event, const Value& payload) {
  std::string key = event.name + ":" + std::to_string(event.repository.id) + ":" + event.action;
  for (const std::string_view name : kSubjects) {
    const Value& subject = payload[name];
    if (subject.kind() != Kind::object) continue;
    const std::string changed = text_of(subject["updated_at"]) + text_of(subject["head_sha"]);
    return key + ":" + std::string(name) + ":" + std::to_string(number_of(subject["id"])) + ":" +
           changed + ":" + text_of(payload["label"]["name"]);
  }
  return "";
}

Result<Trigger> read_push(const ParsedDelivery& delivery, const Value& payload, Event event) {
  set_ref(event, text_of(payload["ref"]));
  event.before = text_of(payload["before"]);
  event.after = text_of(payload["after"]);
  event.created = flag_of(payload["created"]);
  event.deleted = flag_of(payload["deleted"]) || core::workflow::is_zero_sha(event.after);
  event.forced = flag_of(payload["forced"]);
  if (!event.ref.starts_with("refs/") || !is_ref_name(event.ref)) {
    return refuse(delivery, "'ref' is not a full ref");
  }
  if (!is_sha(event.after)) return refuse(delivery, "'after' is not a commit id");
  if (!event.before.empty() && !is_sha(event.before)) {
    return refuse(delivery, "'before' is not a commit id");
  }
  event.sha = event.head_sha = event.after;
  event.head_commit_message = text_of(payload["head_commit"]["message"]);
  // `before` tells a branch that was forced back to an old commit from a repeated delivery.
  event.dedupe_key = "push:" + std::to_string(event.repository.id) + ":" + event.ref + ":" +
                     event.before + ":" + event.after;
  return event;
}

Result<core::workflow::PullRequest> read_pull(const ParsedDelivery& delivery, const Value& pull,
                                              std::int64_t repository) {
  core::workflow::PullRequest pr;
  pr.id = number_of(pull["id"]);
  pr.number = number_of(pull["number"]);
  pr.title = text_of(pull["title"]);
  pr.head_ref = text_of(pull["head"]["ref"]);
  pr.head_sha = text_of(pull["head"]["sha"]);
  pr.base_ref = text_of(pull["base"]["ref"]);
  pr.base_sha = text_of(pull["base"]["sha"]);
  pr.head_repository = text_of(pull["head"]["repo"]["full_name"]);
  // A deleted fork has no repository: what cannot be known counts as a stranger's.
  const std::int64_t head_repository_id = number_of(pull["head"]["repo"]["id"]);
  pr.from_fork = head_repository_id == 0 || head_repository_id != repository;
  pr.merged = flag_of(pull["merged"]);
  pr.draft = flag_of(pull["draft"]);
  pr.author_association = text_of(pull["author_association"]);
  if (pr.number <= 0) return refuse(delivery, "'pull_request.number' is missing");
  if (!is_sha(pr.head_sha)) return refuse(delivery, "'pull_request.head.sha' is not a commit id");
  if (!is_sha(pr.base_sha)) return refuse(delivery, "'pull_request.base.sha' is not a commit id");
  if (!is_ref_name(pr.head_ref) || !is_ref_name(pr.base_ref)) {
    return refuse(delivery, "'pull_request.head.ref' or 'base.ref' is not a branch name");
  }
  return pr;
}

Result<Trigger> read_pull_request(const ParsedDelivery& delivery, const Value& payload,
                                  Event event) {
  const Value& pull = payload["pull_request"];
  TRY(core::workflow::PullRequest pr, read_pull(delivery, pull, event.repository.id));
  event.head_sha = pr.head_sha;
  event.before = text_of(payload["before"]);
  event.after = text_of(payload["after"]);
  if (event.action == "closed" && pr.merged) {
    set_ref(event, "refs/heads/" + pr.base_ref);
    const std::string merge_sha = text_of(pull["merge_commit_sha"]);
    if (is_sha(merge_sha)) event.sha = merge_sha;
  } else {
    set_ref(event, "refs/pull/" + std::to_string(pr.number) + "/merge");
  }
  // `updated_at` tells a second label or reopening of one head from a repeated delivery.
  if (event.name == "pull_request") {
    event.dedupe_key = "pull_request:" + std::to_string(pr.id) + ":" + event.action + ":" +
                       pr.head_sha + ":" + text_of(pull["updated_at"]);
  }
  event.pull_request = std::move(pr);
  return event;
}

Result<Trigger> read_dispatch(const ParsedDelivery& delivery, const Value& payload, Event event) {
  set_ref(event, text_of(payload["ref"]));
  event.rev = event.ref;
  event.workflow_file = text_of(payload["workflow"]);
  if (!event.ref.starts_with("refs/") || !is_ref_name(event.ref)) {
    return refuse(delivery, "'ref' is not a full ref");
  }
  if (event.workflow_file.empty()) return refuse(delivery, "'workflow' is missing");
  return event;
}

Result<Trigger> read_create(const ParsedDelivery& delivery, const Value& payload, Event event) {
  const std::string name = text_of(payload["ref"]);
  if (!is_ref_name(name)) return refuse(delivery, "'ref' is not the name of a ref");
  const bool is_tag = text_of(payload["ref_type"]) == "tag";
  set_ref(event, (is_tag ? "refs/tags/" : "refs/heads/") + name);
  event.rev = event.ref;
  event.dedupe_key.clear();  // a ref may be created again: nothing tells when this was
  return event;
}

Result<Trigger> read_release(const ParsedDelivery& delivery, const Value& payload, Event event) {
  const Value& release = payload["release"];
  const bool early =
      event.action == "created" || event.action == "edited" || event.action == "deleted";
  if (flag_of(release["draft"]) && early) return Ignored{"a draft release starts nothing"};
  const std::string tag = text_of(release["tag_name"]);
  if (!is_ref_name(tag)) return refuse(delivery, "'release.tag_name' is not the name of a tag");
  set_ref(event, "refs/tags/" + tag);
  event.rev = event.ref;
  return event;
}

Result<Trigger> read_deployment(const ParsedDelivery& delivery, const Value& payload, Event event) {
  if (text_of(payload["deployment_status"]["state"]) == "inactive") {
    return Ignored{"a deployment that becomes inactive starts nothing"};
  }
  const Value& deployment = payload["deployment"];
  event.sha = event.head_sha = text_of(deployment["sha"]);
  if (!is_sha(event.sha)) return refuse(delivery, "'deployment.sha' is not a commit id");
  const std::string name = text_of(deployment["ref"]);
  // A deployment of a bare commit has no ref; whether a name is a branch's or a tag's, git knows.
  set_ref(event, name == event.sha || !is_ref_name(name) ? "" : name);
  return event;
}

Result<Trigger> read_merge_group(const ParsedDelivery& delivery, const Value& payload,
                                 Event event) {
  const Value& group = payload["merge_group"];
  set_ref(event, text_of(group["head_ref"]));
  event.sha = event.head_sha = text_of(group["head_sha"]);
  event.run_branch = core::workflow::split_ref(text_of(group["base_ref"])).name;
  event.head_commit_message = text_of(group["head_commit"]["message"]);
  if (!event.ref.starts_with("refs/") || !is_ref_name(event.ref)) {
    return refuse(delivery, "'merge_group.head_ref' is not a full ref");
  }
  if (!is_sha(event.sha)) return refuse(delivery, "'merge_group.head_sha' is not a commit id");
  return event;
}

Result<Trigger> read_on_default_branch(const ParsedDelivery& delivery, const Value& payload,
                                       Event event) {
  // What Actions does must not start Actions again; nor must what Gantry reports.
  const Value& check = payload[delivery.event];
  const bool of_actions = text_of(check["app"]["slug"]) == "github-actions" ||
                          text_of(check["external_id"]).starts_with("gantry-");
  if ((event.name == "check_run" || event.name == "check_suite") && of_actions) {
    return Ignored{"a check made by a workflow starts nothing"};
  }
  if (event.name == "check_suite" && event.action == "requested") {
    return Ignored{"runs start with the push and pull_request events"};
  }
  if (event.name == "workflow_run") {
    event.run_workflow = text_of(payload["workflow"]["name"]);
    event.run_branch = text_of(payload["workflow_run"]["head_branch"]);
  }
  if (event.name == "schedule") {
    event.workflow_file = text_of(payload["workflow"]);
    event.cron = text_of(payload["schedule"]);
  }
  set_default_branch(event);
  if (!is_ref_name(event.ref_name)) {
    return refuse(delivery, "'repository.default_branch' is not a branch name");
  }
  return event;
}

using Reader = Result<Trigger> (*)(const ParsedDelivery&, const Value&, Event);
struct Reading {
  std::string_view event;
  Reader read;
};
constexpr std::array<Reading, 30> kReadings = {{
    {"push", read_push},
    {"pull_request", read_pull_request},
    {"pull_request_review", read_pull_request},
    {"pull_request_review_comment", read_pull_request},
    {"workflow_dispatch", read_dispatch},
    {"create", read_create},
    {"release", read_release},
    {"deployment", read_deployment},
    {"deployment_status", read_deployment},
    {"merge_group", read_merge_group},
    {"branch_protection_rule", read_on_default_branch},
    {"check_run", read_on_default_branch},
    {"check_suite", read_on_default_branch},
    {"delete", read_on_default_branch},
    {"discussion", read_on_default_branch},
    {"discussion_comment", read_on_default_branch},
    {"fork", read_on_default_branch},
    {"gollum", read_on_default_branch},
    {"issue_comment", read_on_default_branch},
    {"issues", read_on_default_branch},
    {"label", read_on_default_branch},
    {"milestone", read_on_default_branch},
    {"page_build", read_on_default_branch},
    {"public", read_on_default_branch},
    {"registry_package", read_on_default_branch},
    {"repository_dispatch", read_on_default_branch},
    {"schedule", read_on_default_branch},
    {"status", read_on_default_branch},
    {"watch", read_on_default_branch},
    {"workflow_run", read_on_default_branch},
}};

}  // namespace

Result<Trigger> read_trigger(const ParsedDelivery& delivery, const Value& payload) {
  const Reading* reading = nullptr;
  for (const Reading& known : kReadings) {
    if (known.event == delivery.event) reading = &known;
  }
  if (reading == nullptr) {
    return Ignored{"event '" + delivery.event + "' starts no workflow"};
  }
  if (delivery.repository.id <= 0) return refuse(delivery, "'repository.id' is missing");
  if (!is_full_name(delivery.repository.full_name)) {
    return refuse(delivery, "'repository.full_name' is not owner/name");
  }
  Event event;
  event.name = delivery.event;
  event.action = delivery.action;
  event.payload = payload;
  event.repository = delivery.repository;
  event.sender = delivery.sender;
  event.installation_id = delivery.installation_id;
  event.dedupe_key = dedupe_key(event, payload);
  return reading->read(delivery, payload, std::move(event));
}

}  // namespace gantry::proto
