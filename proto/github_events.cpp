// SPDX-License-Identifier: MIT
#include "proto/github_events.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace gantry::proto {
namespace {

using core::Errc;
using core::fail;
using core::Result;
using core::expr::Kind;
using core::expr::Value;
using core::workflow::Event;

constexpr std::size_t kMaxPayload = 25U << 20U;

std::string text(const Value& value) {
  return value.kind() == Kind::string ? value.string() : std::string();
}

std::int64_t number(const Value& value) {
  const bool usable = value.kind() == Kind::number && std::abs(value.number()) < 9e15;
  return usable ? static_cast<std::int64_t>(value.number()) : 0;
}

bool flag(const Value& value) {
  return value.kind() == Kind::boolean && value.boolean();
}

// Names and ids from a payload become paths, refs and URLs: what does not look like one is refused.
bool is_name(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

bool is_full_name(std::string_view name) {
  const auto parts = core::split(name, '/');
  return parts.size() == 2 && is_name(parts[0]) && is_name(parts[1]);
}

bool is_sha(std::string_view sha) {
  return (sha.size() == 40 || sha.size() == 64) &&
         std::all_of(sha.begin(), sha.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

bool is_ref_name(std::string_view name) {
  return !name.empty() && name.size() <= 1024 && name.find("..") == std::string_view::npos &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) {
           return c <= ' ' || c == 0x7f || c == '\\' || c == ':' || c == '^' || c == '~' ||
                  c == '?' || c == '*' || c == '[';
         });
}

core::workflow::Repository read_repository(const Value& value) {
  core::workflow::Repository repo;
  repo.id = number(value["id"]);
  repo.full_name = text(value["full_name"]);
  repo.name = text(value["name"]);
  repo.owner = text(value["owner"]["login"]);
  if (repo.owner.empty()) repo.owner = text(value["owner"]["name"]);
  repo.owner_id = number(value["owner"]["id"]);
  repo.clone_url = text(value["clone_url"]);
  repo.ssh_url = text(value["ssh_url"]);
  repo.html_url = text(value["html_url"]);
  repo.default_branch = text(value["default_branch"]);
  repo.is_private = !value["private"].is_null() && value["private"].truthy();
  return repo;
}

core::workflow::Actor read_actor(const Value& value) {
  return {text(value["login"]), number(value["id"])};
}

tl::unexpected<core::Error> refuse(const ParsedDelivery& delivery, std::string_view why) {
  return fail(Errc::invalid, "reading delivery '" + delivery.event + "': " + std::string(why));
}

void set_ref(Event& event, std::string ref) {
  event.ref = std::move(ref);
  const auto parts = core::workflow::split_ref(event.ref);
  event.ref_type = parts.type;
  event.ref_name = parts.name;
}

Result<Event> read_push(const ParsedDelivery& delivery, const Value& payload, Event event) {
  set_ref(event, text(payload["ref"]));
  event.before = text(payload["before"]);
  event.after = text(payload["after"]);
  event.created = flag(payload["created"]);
  event.deleted = flag(payload["deleted"]) || core::workflow::is_zero_sha(event.after);
  event.forced = flag(payload["forced"]);
  if (!event.ref.starts_with("refs/") || !is_ref_name(event.ref)) {
    return refuse(delivery, "'ref' is not a full ref");
  }
  if (!is_sha(event.after)) return refuse(delivery, "'after' is not a commit id");
  if (!event.before.empty() && !is_sha(event.before)) {
    return refuse(delivery, "'before' is not a commit id");
  }
  event.sha = event.head_sha = event.after;
  event.head_commit_message = text(payload["head_commit"]["message"]);
  // `before` tells a branch that was forced back to an old commit from a repeated delivery.
  event.dedupe_key = "push:" + std::to_string(event.repository.id) + ":" + event.ref + ":" +
                     event.before + ":" + event.after;
  return event;
}

Result<Event> read_pull_request(const ParsedDelivery& delivery, const Value& payload, Event event) {
  const Value& pull = payload["pull_request"];
  core::workflow::PullRequest pr;
  pr.id = number(pull["id"]);
  pr.number = number(pull["number"]);
  pr.title = text(pull["title"]);
  pr.head_ref = text(pull["head"]["ref"]);
  pr.head_sha = text(pull["head"]["sha"]);
  pr.base_ref = text(pull["base"]["ref"]);
  pr.base_sha = text(pull["base"]["sha"]);
  pr.head_repository = text(pull["head"]["repo"]["full_name"]);
  // A deleted fork has no repository: what cannot be known counts as a stranger's.
  const std::int64_t head_repository_id = number(pull["head"]["repo"]["id"]);
  pr.from_fork = head_repository_id == 0 || head_repository_id != event.repository.id;
  pr.merged = flag(pull["merged"]);
  pr.draft = flag(pull["draft"]);
  pr.author_association = text(pull["author_association"]);
  if (pr.number <= 0) return refuse(delivery, "'pull_request.number' is missing");
  if (!is_sha(pr.head_sha)) return refuse(delivery, "'pull_request.head.sha' is not a commit id");
  if (!is_sha(pr.base_sha)) return refuse(delivery, "'pull_request.base.sha' is not a commit id");
  if (!is_ref_name(pr.head_ref) || !is_ref_name(pr.base_ref)) {
    return refuse(delivery, "'pull_request.head.ref' or 'base.ref' is not a branch name");
  }
  event.head_sha = pr.head_sha;
  event.before = text(payload["before"]);
  event.after = text(payload["after"]);
  if (event.action == "closed" && pr.merged) {
    set_ref(event, "refs/heads/" + pr.base_ref);
    const std::string merge_sha = text(pull["merge_commit_sha"]);
    if (is_sha(merge_sha)) event.sha = merge_sha;
  } else {
    set_ref(event, "refs/pull/" + std::to_string(pr.number) + "/merge");
  }
  // `updated_at` tells a second label or reopening of one head from a repeated delivery.
  event.dedupe_key = "pull_request:" + std::to_string(pr.id) + ":" + event.action + ":" +
                     pr.head_sha + ":" + text(pull["updated_at"]);
  event.pull_request = std::move(pr);
  return event;
}

Result<Event> read_dispatch(const ParsedDelivery& delivery, const Value& payload, Event event) {
  set_ref(event, text(payload["ref"]));
  event.workflow_file = text(payload["workflow"]);
  if (!event.ref.starts_with("refs/") || !is_ref_name(event.ref)) {
    return refuse(delivery, "'ref' is not a full ref");
  }
  if (event.workflow_file.empty()) return refuse(delivery, "'workflow' is missing");
  return event;
}

Result<Event> read_event(const ParsedDelivery& delivery, const Value& payload) {
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
  if (delivery.event == "push") return read_push(delivery, payload, std::move(event));
  if (delivery.event == "pull_request") {
    return read_pull_request(delivery, payload, std::move(event));
  }
  return read_dispatch(delivery, payload, std::move(event));
}

Result<CheckRunRequest> read_check_run(const ParsedDelivery& delivery, const Value& payload) {
  const Value& run = payload["check_run"];
  CheckRunRequest request;
  request.action = delivery.action == "requested_action" ? CheckAction::requested_action
                                                         : CheckAction::rerequested;
  request.check_run_id = number(run["id"]);
  request.check_suite_id = number(run["check_suite"]["id"]);
  request.app_id = number(run["app"]["id"]);
  request.external_id = text(run["external_id"]);
  request.name = text(run["name"]);
  request.head_sha = text(run["head_sha"]);
  request.identifier = text(payload["requested_action"]["identifier"]);
  if (request.check_run_id <= 0) return refuse(delivery, "'check_run.id' is missing");
  if (!is_sha(request.head_sha)) return refuse(delivery, "'check_run.head_sha' is not a commit id");
  return request;
}

Result<CheckSuiteRequest> read_check_suite(const ParsedDelivery& delivery, const Value& payload) {
  const Value& suite = payload["check_suite"];
  CheckSuiteRequest request;
  request.action =
      delivery.action == "requested" ? CheckAction::requested : CheckAction::rerequested;
  request.check_suite_id = number(suite["id"]);
  request.app_id = number(suite["app"]["id"]);
  request.head_sha = text(suite["head_sha"]);
  request.head_branch = text(suite["head_branch"]);
  if (request.check_suite_id <= 0) return refuse(delivery, "'check_suite.id' is missing");
  if (!is_sha(request.head_sha)) {
    return refuse(delivery, "'check_suite.head_sha' is not a commit id");
  }
  return request;
}

std::vector<InstallationChange::Item> read_items(const Value& list) {
  std::vector<InstallationChange::Item> items;
  if (list.kind() != Kind::array) return items;
  for (const Value& item : list.array()) {
    items.push_back({number(item["id"]), text(item["full_name"])});
  }
  return items;
}

InstallationChange read_installation(const ParsedDelivery& delivery, const Value& payload) {
  InstallationChange change;
  change.event = delivery.event;
  change.action = delivery.action;
  change.account = text(payload["installation"]["account"]["login"]);
  if (delivery.event == "installation") {
    (delivery.action == "deleted" ? change.removed : change.added) =
        read_items(payload["repositories"]);
  } else {
    change.added = read_items(payload["repositories_added"]);
    change.removed = read_items(payload["repositories_removed"]);
  }
  return change;
}

Ping read_ping(const Value& payload) {
  Ping ping{.hook_id = number(payload["hook_id"]), .zen = text(payload["zen"])};
  const Value& events = payload["hook"]["events"];
  if (events.kind() == Kind::array) {
    for (const Value& event : events.array())
      ping.events.push_back(text(event));
  }
  return ping;
}

}  // namespace

Result<ParsedDelivery> parse_delivery(std::string_view event, std::string_view json) {
  ParsedDelivery delivery;
  delivery.event = event;
  if (json.size() > kMaxPayload) return refuse(delivery, "the payload is larger than 25 MB");
  auto parsed = core::expr::parse_json(json);
  if (!parsed) return refuse(delivery, parsed.error().message);
  const Value& payload = *parsed;
  if (payload.kind() != Kind::object) return refuse(delivery, "the payload is not a JSON object");
  delivery.action = text(payload["action"]);
  delivery.repository = read_repository(payload["repository"]);
  delivery.sender = read_actor(payload["sender"]);
  delivery.installation_id = number(payload["installation"]["id"]);

  if (event == "push" || event == "pull_request" || event == "workflow_dispatch") {
    TRY(delivery.content, read_event(delivery, payload));
  } else if (event == "ping") {
    delivery.content = read_ping(payload);
  } else if (event == "check_run" &&
             (delivery.action == "rerequested" || delivery.action == "requested_action")) {
    TRY(delivery.content, read_check_run(delivery, payload));
  } else if (event == "check_suite" &&
             (delivery.action == "rerequested" || delivery.action == "requested")) {
    TRY(delivery.content, read_check_suite(delivery, payload));
  } else if (event == "installation" || event == "installation_repositories") {
    delivery.content = read_installation(delivery, payload);
  } else if (event == "check_run" || event == "check_suite") {
    delivery.content = Ignored{"action '" + delivery.action + "' asks for nothing"};
  } else {
    delivery.content = Ignored{"event '" + delivery.event + "' starts no workflow here"};
  }
  return delivery;
}

}  // namespace gantry::proto
