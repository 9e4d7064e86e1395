// SPDX-License-Identifier: MIT
#include "daemon/runner/gantryd_link.hpp"

#include "core/base/log.hpp"

#include <algorithm>

namespace gantry::daemon::runner {
namespace {

using async::Task;
using core::Errc;
using core::Exception;
using std::chrono::milliseconds;

constexpr std::size_t kBatchBytes = 512 << 10;
// Events of one moment make one request; a job shorter than this tells all at its end.
constexpr milliseconds kGather{20};
// Short jobs need no connection for gantryd's wishes: acknowledgements carry them too.
constexpr milliseconds kBeforeControl{200};
constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{1000};
constexpr milliseconds kServicePatience{60'000};
// gantryd gives a fetch 30 minutes.
constexpr milliseconds kMirrorLimit{31 * 60'000};

http::ClientConfig client_config(milliseconds answer_timeout) {
  http::ClientConfig config;
  config.user_agent = "gantry-runner/" + std::string(proto::product_version());
  config.connect_timeout = milliseconds(5000);
  config.answer_timeout = answer_timeout;
  config.body_limit_bytes = 128ULL << 20;
  config.redirects = 0;
  return config;
}

// The job is not this runner's, or gantryd cannot read what it says: asking again will not help.
bool is_refusal(int status) {
  return status >= 400 && status < 500 && status != 408 && status != 429;
}

// The state folder was removed under a gantryd that is gone: nobody will ever take this job.
bool is_gone(const std::string& folder) {
  std::error_code error;
  return !std::filesystem::exists(folder, error) && !error;
}

void wait_longer(milliseconds& pause) {
  pause = std::min(2 * pause, kLongestPause);
}

}  // namespace

GantrydLink::GantrydLink(const async::asio::any_io_executor& executor, proto::RunnerStart start)
    : start_(std::move(start)),
      client_(executor, client_config(milliseconds(30'000))),
      control_client_(executor, client_config(proto::kRunnerControlWait + milliseconds(10'000))),
      mirror_client_(executor, client_config(kMirrorLimit)),
      spool_(std::filesystem::path(start_.folder) / "events.ndjson"),
      wake_(executor),
      finished_(executor) {}

Task<GantrydLink::Reply> GantrydLink::ask(http::Client& client, std::string method,
                                          std::string_view path, std::string body) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = "http://gantryd" + std::string(path);
  request.unix_socket = start_.socket;
  request.headers.set("Authorization", "Bearer " + start_.token);
  if (!body.empty()) request.headers.set("Content-Type", "application/x-ndjson");
  request.body = std::move(body);
  Reply reply;
  try {
    http::ClientResponse response = co_await client.send(std::move(request));
    reply.status = response.status;
    reply.body = std::move(response.body);
  } catch (const http::TransportError& error) {
    core::log::debug("gantryd does not answer", {{"why", error.what()}});
  }
  co_return reply;
}

Task<proto::JobMessage> GantrydLink::fetch_job() {
  milliseconds pause = kFirstPause;
  for (;;) {
    const Reply reply = co_await ask(client_, "GET", proto::kRunnerJobPath, "");
    if (reply.status == 200) {
      proto::JobMessage message =
          core::or_throw(proto::decode_job_message(reply.body), "taking the job");
      co_return message;
    }
    if (is_refusal(reply.status)) {
      throw Exception(Errc::denied, "asking for job " + std::to_string(start_.job.value) +
                                        ": gantryd answered " + std::to_string(reply.status));
    }
    if (reply.status == 0 && is_gone(start_.folder)) {
      throw Exception(Errc::not_found, "asking for job " + std::to_string(start_.job.value) +
                                           ": its folder '" + start_.folder +
                                           "' is gone, and gantryd with it");
    }
    if (reply.status != 0) {
      core::log::warn("gantryd cannot give the job yet", {{"status", reply.status}});
    }
    co_await async::sleep_for(pause);
    wait_longer(pause);
  }
}

Task<proto::MirrorAnswer> GantrydLink::find_mirror(proto::MirrorRequest request) {
  const std::string doing = "asking for the mirror of '" + request.repository + "'";
  milliseconds pause = kFirstPause;
  for (;;) {
    const Reply reply =
        co_await ask(mirror_client_, "POST", proto::kRunnerMirrorPath, proto::encode(request));
    if (reply.status == 200) {
      proto::MirrorResult result = proto::decode_mirror_result(reply.body);
      if (!result) throw Exception(result.error());
      co_return std::move(*result);
    }
    if (is_refusal(reply.status) || (reply.status == 0 && is_gone(start_.folder))) {
      throw Exception(Errc::denied, doing + ": gantryd answered " + std::to_string(reply.status));
    }
    co_await async::sleep_for(pause);
    wait_longer(pause);
  }
}

void GantrydLink::report(decltype(proto::RunnerEvent::body) body) {
  spool_.append(std::move(body), core::SystemClock().now());
  wake_.notify();
}

Task<proto::ServiceAnswer> GantrydLink::call_service(proto::ServiceCall call) {
  const auto limit = std::chrono::steady_clock::now() + kServicePatience;
  const std::string body = proto::encode(call);
  for (milliseconds pause = kFirstPause;; wait_longer(pause)) {
    const Reply reply = co_await ask(client_, "POST", proto::kRunnerServicesPath, body);
    if (reply.status == 200) {
      co_return core::or_throw(proto::decode_service_answer(reply.body),
                               "asking gantryd for '" + call.method + "'");
    }
    if (is_refusal(reply.status) || std::chrono::steady_clock::now() > limit) {
      throw Exception(Errc::unavailable,
                      "asking gantryd for '" + call.method + "': it does not answer");
    }
    co_await async::sleep_for(pause);
  }
}

void GantrydLink::finish() {
  finishing_ = true;
  wake_.notify();
  finished_.notify();
}

void GantrydLink::request_cancel() {
  if (cancel_requested_) return;
  cancel_requested_ = true;
  on_cancel();
}

void GantrydLink::give_up(int status) {
  core::log::error("gantryd has given this job up", {{"status", status}});
  refused_ = true;
  request_cancel();
}

void GantrydLink::take(const Reply& reply) {
  const auto acknowledgement = proto::decode_acknowledgement(reply.body);
  if (!acknowledgement) {
    core::log::error("answer of gantryd not understood",
                     {{"why", acknowledgement.error().message}});
    return;
  }
  spool_.acknowledge(acknowledgement->acked_sequence);
  if (acknowledgement->control == proto::Control::cancel) request_cancel();
  on_acknowledged();
}

Task<> GantrydLink::deliver() {
  milliseconds pause = kFirstPause;
  while (!refused_ && !(finishing_ && spool_.all_acknowledged())) {
    if (spool_.all_acknowledged()) {
      co_await wake_.wait();
      const auto gathered = std::chrono::steady_clock::now() + kGather;
      while (!finishing_ && std::chrono::steady_clock::now() < gathered) {
        co_await finished_.wait_until(gathered);
      }
      continue;
    }
    EventSpool::Batch batch = spool_.next_batch(kBatchBytes);
    const std::int64_t before = spool_.acknowledged();
    const Reply reply =
        co_await ask(client_, "POST", proto::kRunnerEventsPath, std::move(batch.text));
    if (reply.status == 200) take(reply);
    if (is_refusal(reply.status) || (reply.status == 0 && is_gone(start_.folder))) {
      give_up(reply.status);
    }
    if (spool_.acknowledged() > before) {
      pause = kFirstPause;
      continue;
    }
    if (reply.status != 0 && !refused_) {
      core::log::warn("gantryd does not take events", {{"status", reply.status}});
    }
    co_await async::sleep_for(pause);
    wait_longer(pause);
  }
}

Task<> GantrydLink::watch_control() {
  milliseconds pause = kFirstPause;
  co_await async::sleep_for(kBeforeControl);
  while (!cancel_requested_) {
    const auto asked_at = std::chrono::steady_clock::now();
    const Reply reply = co_await ask(control_client_, "GET", proto::kRunnerControlPath, "");
    if (reply.status == 200) take(reply);
    if (is_refusal(reply.status)) give_up(reply.status);
    // An answer at once is no long poll: gantryd is draining or in trouble.
    const bool waited = std::chrono::steady_clock::now() - asked_at > kLongestPause;
    pause = reply.status == 200 && waited ? kFirstPause : std::min(2 * pause, kLongestPause);
    if (!waited) co_await async::sleep_for(pause);
  }
}

}  // namespace gantry::daemon::runner
