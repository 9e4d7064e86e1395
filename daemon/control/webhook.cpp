// SPDX-License-Identifier: MIT
// The HTTP side of the intake: refuse what is not GitHub's, store, answer.
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/intake.hpp"
#include "proto/github_signature.hpp"

#include <nlohmann/json.hpp>

namespace gantry::daemon::control {
namespace {

using http::Request;
using http::Response;
using storage::Database;

constexpr std::uint64_t kBodyLimit = 25ULL << 20;  // what GitHub sends at most
constexpr std::size_t kHeaderLimit = 200;
constexpr std::size_t kReadOnLoop = 256 << 10;

bool is_plain_word(std::string_view text) {
  if (text.empty() || text.size() > kHeaderLimit) return false;
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
         std::string_view::npos;
}

Response refuse(int status, std::string_view why, const Request& request) {
  core::log::warn("webhook refused", {{"status", status},
                                      {"why", why},
                                      {"from", request.remote},
                                      {"delivery", request.header("X-GitHub-Delivery")}});
  return http::error_response(status, why);
}

std::string refusal_of(proto::SignatureVerdict verdict) {
  switch (verdict) {
    case proto::SignatureVerdict::valid:
      return "";
    case proto::SignatureVerdict::no_secret_configured:
      return "no webhook secret is configured here; set github.webhook_secret_files";
    case proto::SignatureVerdict::missing:
      return "the header X-Hub-Signature-256 is missing; set a secret at the webhook";
    case proto::SignatureVerdict::malformed:
      return "the header X-Hub-Signature-256 is not 'sha256=' and 64 hex digits";
    case proto::SignatureVerdict::mismatch:
      return "the signature does not fit the body; the webhook's secret is another one";
  }
  return "the signature cannot be checked";
}

// The JSON document of either encoding GitHub can be told to send; nullopt: neither.
std::optional<std::string> json_of(const Request& request) {
  const std::string type = core::to_lower(request.header("Content-Type"));
  if (type.starts_with("application/x-www-form-urlencoded")) {
    for (auto& [name, value] : http::parse_form(request.body)) {
      if (name == "payload") return std::move(value);
    }
    return std::nullopt;
  }
  return request.body;
}

}  // namespace

void Intake::add_routes(http::Router& router) {
  http::RouteOptions options;
  options.body_limit_bytes = kBodyLimit;
  router.add(
      "POST", "/webhooks/github", [this](Request& r) { return receive(r); }, options);
}

async::Task<Response> Intake::receive(Request& request) {
  const auto settings = conductor_.settings();
  const auto verdict = proto::verify_github_signature(settings->webhook_secrets, request.body,
                                                      request.header("X-Hub-Signature-256"));
  if (verdict != proto::SignatureVerdict::valid) {
    const bool ours = verdict == proto::SignatureVerdict::no_secret_configured;
    co_return refuse(ours ? 503 : 401, refusal_of(verdict), request);
  }
  storage::Delivery delivery;
  delivery.guid = std::string(request.header("X-GitHub-Delivery"));
  delivery.event = std::string(request.header("X-GitHub-Event"));
  if (!is_plain_word(delivery.guid) || !is_plain_word(delivery.event)) {
    co_return refuse(400, "the headers X-GitHub-Delivery and X-GitHub-Event are needed", request);
  }
  auto json = json_of(request);
  if (!json) co_return refuse(400, "the form has no field 'payload'", request);
  delivery.payload = std::move(*json);
  delivery.received_at = conductor_.clock().now();
  Item item{core::DeliveryId(), delivery.received_at, core::fail(core::Errc::internal, "")};
  // Big documents are read off the loop.
  if (delivery.payload.size() > kReadOnLoop) {
    item.content = co_await async::offload(
        runtime_.pool(), [&] { return proto::parse_delivery(delivery.event, delivery.payload); });
  } else {
    item.content = proto::parse_delivery(delivery.event, delivery.payload);
  }
  if (item.content && delivery.event == "schedule") {  // our own clock's alone
    item.content->content = proto::Ignored{"schedules go by the clock of this machine"};
  }
  if (item.content) {
    delivery.action = item.content->action;
    if (const auto* event = std::get_if<core::workflow::Event>(&item.content->content)) {
      if (!event->dedupe_key.empty()) delivery.dedupe_key = event->dedupe_key;
    }
  }
  const auto inserted =
      co_await conductor_.db().write([&](Database& d) { return insert_delivery(d, delivery); });
  nlohmann::json answer = {{"delivery", delivery.guid}, {"id", inserted.id.value}};
  if (!inserted.is_new) {
    answer["message"] = "received before; nothing was done again";
    co_return http::json_response(202, answer.dump());
  }
  item.id = inserted.id;
  answer["message"] = "received";
  enqueue(std::move(item));
  co_return http::json_response(202, answer.dump());
}

}  // namespace gantry::daemon::control
