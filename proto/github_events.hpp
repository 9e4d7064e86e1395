// SPDX-License-Identifier: MIT
// A webhook delivery of GitHub → what it means here. Reads payloads leniently: members it does not
// need may be missing or of another type. The signature was verified before.
#pragma once

#include "core/base/result.hpp"
#include "core/workflow/event.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gantry::proto {

struct Ping {
  std::int64_t hook_id = 0;
  std::string zen;
  std::vector<std::string> events;  // what the hook subscribes to
};

enum class CheckAction { rerequested, requested_action };

struct CheckRunRequest {
  CheckAction action = CheckAction::rerequested;
  std::int64_t check_run_id = 0, check_suite_id = 0, app_id = 0;
  std::string external_id, name, head_sha;
  std::string identifier;  // of requested_action: the button's
};

struct CheckSuiteRequest {
  CheckAction action = CheckAction::rerequested;
  std::int64_t check_suite_id = 0, app_id = 0;
  std::string head_sha, head_branch;  // head_branch is empty for forks
};

struct InstallationChange {
  std::string event, action;  // installation created, installation_repositories added, …
  std::string account;
  struct Item {
    std::int64_t id = 0;
    std::string full_name;
  };
  std::vector<Item> added, removed;
};

struct Ignored {
  std::string reason;
};

struct ParsedDelivery {
  std::string event, action;
  core::workflow::Repository repository;  // id 0 when the event has none
  core::workflow::Actor sender;
  std::int64_t installation_id = 0;
  std::variant<Ignored, core::workflow::Event, Ping, CheckRunRequest, CheckSuiteRequest,
               InstallationChange>
      content;
};

// An error means the payload is not what its event promises; it can never be processed.
core::Result<ParsedDelivery> parse_delivery(std::string_view event, std::string_view json);

}  // namespace gantry::proto
