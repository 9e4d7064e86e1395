// SPDX-License-Identifier: MIT
// The supervisor's HTTP side: what runners ask and tell (proto/runner_protocol.hpp).
#include "core/base/log.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/job_message.hpp"
#include "daemon/control/supervisor.hpp"
#include "daemon/control/supervisor_internal.hpp"
#include "proto/runner_protocol.hpp"

namespace gantry::daemon::control {
namespace {

using http::Request;
using http::Response;

constexpr std::uint64_t kEventsBodyLimit = 16ULL << 20;

Response not_yours() {
  return http::error_response(401, "this token is for no job that runs now");
}

}  // namespace

void Supervisor::add_routes(http::Router& router) {
  http::RouteOptions events;
  events.body_limit_bytes = kEventsBodyLimit;
  router.add("GET", proto::kRunnerJobPath, [this](Request& r) { return get_job(r); });
  router.add(
      "POST", proto::kRunnerEventsPath, [this](Request& r) { return post_events(r); }, events);
  router.add("POST", proto::kRunnerServicesPath, [this](Request& r) { return post_service(r); });
  router.add("POST", proto::kRunnerMirrorPath, [this](Request& r) { return post_mirror(r); });
  router.add("GET", proto::kRunnerControlPath, [this](Request& r) { return get_control(r); });
}

Supervisor::RunnerPointer Supervisor::find(const Request& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  std::string_view token = request.header("Authorization");
  if (!request.peer || !token.starts_with(kBearer)) return nullptr;  // runners come by the socket
  token.remove_prefix(kBearer.size());
  const auto found = by_token_hash_.find(token_hash(token));
  return found == by_token_hash_.end() ? nullptr : found->second;
}

async::Task<proto::JobMessage> Supervisor::message_for(std::shared_ptr<ActiveJob> job) {
  std::string token = co_await tokens_(job);
  const auto settings = conductor_.settings();
  const MessageParts parts{*settings, layout_, programs_, std::move(token)};
  co_return make_job_message(*job, parts, conductor_.clock().now());
}

async::Task<Response> Supervisor::get_job(Request& request) {
  const RunnerPointer runner = find(request);
  if (!runner || runner->job->phase == ActiveJob::Phase::finished) co_return not_yours();
  const proto::JobMessage message = co_await message_for(runner->job);
  co_return http::json_response(200, proto::encode(message));
}

std::string Supervisor::acknowledgement(const Runner& runner, std::int64_t acked) const {
  proto::Acknowledgement answer;
  answer.acked_sequence = acked;
  if (!runner.job->cancel_reason.empty()) {
    answer.control = proto::Control::cancel;
  } else if (released_) {
    answer.control = proto::Control::drain;
  }
  return proto::encode(answer);
}

async::Task<Response> Supervisor::post_events(Request& request) {
  const RunnerPointer runner = find(request);
  if (!runner) co_return not_yours();
  auto events = decode_events(request.body, Torn::refused);
  if (!events) {
    core::log::error("runner sent events that cannot be read",
                     {{"job", runner->job->id.value}, {"why", events.error().message}});
    co_return http::error_response(400, events.error().message);
  }
  const EventsStored stored = co_await take(runner, std::move(*events));
  co_return http::json_response(200, acknowledgement(*runner, stored.acked));
}

async::Task<Response> Supervisor::post_service(Request& request) {
  const RunnerPointer runner = find(request);
  if (!runner) co_return not_yours();
  auto call = proto::decode_service_call(request.body);
  if (!call) co_return http::error_response(400, call.error().message);
  const proto::ServiceAnswer answer = co_await services_(runner->job, std::move(*call));
  co_return http::json_response(200, proto::encode(answer));
}

async::Task<Response> Supervisor::post_mirror(Request& request) {
  const RunnerPointer runner = find(request);
  if (!runner) co_return not_yours();
  auto wanted = proto::decode_mirror_request(request.body);
  if (!wanted) co_return http::error_response(400, wanted.error().message);
  const proto::MirrorResult result = co_await mirrors_(runner->job->run, std::move(*wanted));
  co_return http::json_response(200, proto::encode(result));
}

async::Task<Response> Supervisor::get_control(Request& request) {
  const RunnerPointer runner = find(request);
  if (!runner) co_return not_yours();
  const auto limit = std::chrono::steady_clock::now() + proto::kRunnerControlWait;
  while (runner->job->cancel_reason.empty() && !runner->ended && !released_ &&
         std::chrono::steady_clock::now() < limit) {
    co_await runner->job->control.wait_until(limit);
  }
  co_return http::json_response(200, acknowledgement(*runner, 0));
}

}  // namespace gantry::daemon::control
