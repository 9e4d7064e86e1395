// SPDX-License-Identifier: MIT
#include "proto/github_events.hpp"

#include "core/base/ids.hpp"
#include "proto/github_payload.hpp"

namespace gantry::proto {
namespace {

using core::Errc;
using core::Result;
using core::expr::Kind;
using core::expr::Value;
using core::workflow::Event;

constexpr std::size_t kMaxPayload = 25U << 20U;

core::workflow::Repository read_repository(const Value& value) {
  core::workflow::Repository repo;
  repo.id = number_of(value["id"]);
  repo.full_name = text_of(value["full_name"]);
  repo.name = text_of(value["name"]);
  repo.owner = text_of(value["owner"]["login"]);
  if (repo.owner.empty()) repo.owner = text_of(value["owner"]["name"]);
  repo.owner_id = number_of(value["owner"]["id"]);
  if (repo.owner_id == 0 && !repo.owner.empty()) repo.owner_id = core::made_id(repo.owner);
  repo.clone_url = text_of(value["clone_url"]);
  repo.ssh_url = text_of(value["ssh_url"]);
  repo.html_url = text_of(value["html_url"]);
  repo.default_branch = text_of(value["default_branch"]);
  repo.is_private = !value["private"].is_null() && value["private"].truthy();
  return repo;
}

core::workflow::Actor read_actor(const Value& value) {
  return {text_of(value["login"]), number_of(value["id"])};
}

Result<CheckRunRequest> read_check_run(const ParsedDelivery& delivery, const Value& payload) {
  const Value& run = payload["check_run"];
  CheckRunRequest request;
  request.action = delivery.action == "requested_action" ? CheckAction::requested_action
                                                         : CheckAction::rerequested;
  request.check_run_id = number_of(run["id"]);
  request.check_suite_id = number_of(run["check_suite"]["id"]);
  request.app_id = number_of(run["app"]["id"]);
  request.external_id = text_of(run["external_id"]);
  request.name = text_of(run["name"]);
  request.head_sha = text_of(run["head_sha"]);
  request.identifier = text_of(payload["requested_action"]["identifier"]);
  if (request.check_run_id <= 0) return refuse(delivery, "'check_run.id' is missing");
  if (!is_sha(request.head_sha)) return refuse(delivery, "'check_run.head_sha' is not a commit id");
  return request;
}

Result<CheckSuiteRequest> read_check_suite(const ParsedDelivery& delivery, const Value& payload) {
  const Value& suite = payload["check_suite"];
  CheckSuiteRequest request;
  request.check_suite_id = number_of(suite["id"]);
  request.app_id = number_of(suite["app"]["id"]);
  request.head_sha = text_of(suite["head_sha"]);
  request.head_branch = text_of(suite["head_branch"]);
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
    items.push_back({number_of(item["id"]), text_of(item["full_name"])});
  }
  return items;
}

InstallationChange read_installation(const ParsedDelivery& delivery, const Value& payload) {
  InstallationChange change;
  change.event = delivery.event;
  change.action = delivery.action;
  change.account = text_of(payload["installation"]["account"]["login"]);
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
  Ping ping{.hook_id = number_of(payload["hook_id"]), .zen = text_of(payload["zen"])};
  const Value& events = payload["hook"]["events"];
  if (events.kind() == Kind::array) {
    for (const Value& event : events.array())
      ping.events.push_back(text_of(event));
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
  delivery.action = text_of(payload["action"]);
  delivery.repository = read_repository(payload["repository"]);
  delivery.sender = read_actor(payload["sender"]);
  delivery.installation_id = number_of(payload["installation"]["id"]);

  if (event == "ping") {
    delivery.content = read_ping(payload);
  } else if (event == "installation" || event == "installation_repositories") {
    delivery.content = read_installation(delivery, payload);
  } else if (event == "check_run" &&
             (delivery.action == "rerequested" || delivery.action == "requested_action")) {
    TRY(delivery.content, read_check_run(delivery, payload));
  } else if (event == "check_suite" && delivery.action == "rerequested") {
    TRY(delivery.content, read_check_suite(delivery, payload));
  } else {
    TRY(auto trigger, read_trigger(delivery, payload));
    std::visit([&](auto& read) { delivery.content = std::move(read); }, trigger);
  }
  return delivery;
}

}  // namespace gantry::proto
