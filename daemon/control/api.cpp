// SPDX-License-Identifier: MIT
#include "daemon/control/api.hpp"

#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "proto/actions_services.hpp"
#include "proto/version.hpp"

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <pwd.h>

#include <array>

namespace gantry::daemon::control {
namespace {

using http::Request;
using http::Response;

int status_of(core::Errc code) {
  switch (code) {
    case core::Errc::invalid:
    case core::Errc::too_large:
      return 422;
    case core::Errc::not_found:
      return 404;
    case core::Errc::denied:
      return 403;
    case core::Errc::conflict:
      return 409;
    case core::Errc::unavailable:
    case core::Errc::timed_out:
      return 503;
    case core::Errc::cancelled:
    case core::Errc::protocol:
    case core::Errc::io:
    case core::Errc::internal:
      return 500;
  }
  return 500;
}

// "Bearer T" or "token T", as GitHub's clients send it. A browser sends the token as the password
// of HTTP Basic, and by itself also where another site's page made it ask: good for reading only.
std::string token_of(const Request& request) {
  const std::string_view header = request.header("Authorization");
  for (const std::string_view scheme : {"Bearer ", "bearer ", "token "}) {
    if (header.starts_with(scheme)) return std::string(header.substr(scheme.size()));
  }
  if (!header.starts_with("Basic ") || (request.method != "GET" && request.method != "HEAD")) {
    return "";
  }
  const std::string pair = proto::decode_base64(header.substr(6)).value_or("");
  const std::size_t colon = pair.find(':');
  return colon == std::string::npos ? "" : pair.substr(colon + 1);
}

bool may_use(const Settings& settings, const Request& request) {
  if (request.peer) return true;  // the socket's mode says who can open it
  const std::string token = token_of(request);
  bool found = false;
  for (const std::string& known : settings.api_tokens)
    found |= same_bytes(known, token);
  return found && !token.empty();
}

}  // namespace

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::int64_t number_of(std::string_view text, std::string_view what) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number <= 0) {
    throw core::Exception(core::Errc::not_found, "looking for " + std::string(what) + " '" +
                                                     std::string(text) + "': not a number");
  }
  return number;
}

nlohmann::json body_of(const Request& request) {
  if (request.body.empty()) return nlohmann::json::object();
  auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    throw core::Exception(core::Errc::invalid, "Problems parsing JSON: the body must be an object");
  }
  return body;
}

Api::Api(async::Runtime& runtime, Conductor& conductor, Intake& intake, SettingsHolder& settings,
         storage::Layout layout, Live& live)
    : runtime_(runtime),
      conductor_(conductor),
      intake_(intake),
      settings_(settings),
      layout_(std::move(layout)),
      live_(live),
      link_key_(core::random_hex(32)) {}

http::Handler Api::guarded(Method method) {
  return [this, answer = answering(method)](Request& request) -> async::Task<Response> {
    if (!may_use(*settings_.get(), request)) {
      co_return http::error_response(
          401,
          "Requires authentication: give a token of listen.api_tokens_file, or use the socket");
    }
    co_return co_await answer(request);
  };
}

http::Handler Api::answering(Method method) {
  return [this, method](Request& request) -> async::Task<Response> {
    std::optional<core::Error> failed;
    try {
      co_return co_await (this->*method)(request);
    } catch (const core::Exception& error) {
      failed = error.error();
    }
    const int status = status_of(failed->code);
    if (status == 500) {
      core::log::error("API request failed", {{"path", request.path}, {"why", failed->message}});
      co_return http::error_response(500, "an error inside gantryd; its log has the details");
    }
    co_return http::error_response(status, failed->message);
  };
}

void Api::add_github(http::Router& router, const std::string& prefix) {
  const std::string repo = prefix + "/repos/{owner}/{repo}";
  const std::string actions = repo + "/actions";
  router.add("GET", repo, guarded(&Api::get_repository));
  router.add("GET", actions + "/runs", guarded(&Api::list_runs));
  router.add("GET", actions + "/runs/{run}", guarded(&Api::get_run));
  router.add("GET", actions + "/runs/{run}/attempts/{attempt}", guarded(&Api::get_run));
  router.add("GET", actions + "/runs/{run}/jobs", guarded(&Api::list_jobs));
  router.add("GET", actions + "/runs/{run}/attempts/{attempt}/jobs", guarded(&Api::list_jobs));
  router.add("POST", actions + "/runs/{run}/cancel", guarded(&Api::cancel_run));
  router.add("POST", actions + "/runs/{run}/rerun", guarded(&Api::rerun_run));
  router.add("POST", actions + "/runs/{run}/rerun-failed-jobs", guarded(&Api::rerun_failed));
  router.add("GET", actions + "/jobs/{job}", guarded(&Api::get_job));
  router.add("GET", actions + "/jobs/{job}/logs", guarded(&Api::job_logs));
  router.add("POST", actions + "/jobs/{job}/rerun", guarded(&Api::rerun_job));
  router.add("GET", actions + "/workflows", guarded(&Api::list_workflows));
  router.add("GET", actions + "/workflows/{workflow}", guarded(&Api::get_workflow));
  router.add("GET", actions + "/workflows/{workflow}/runs", guarded(&Api::list_workflow_runs));
  router.add("POST", actions + "/workflows/{workflow}/dispatches", guarded(&Api::dispatch));
  router.add("POST", repo + "/dispatches", guarded(&Api::repository_dispatch));
  router.add("GET", repo + "/check-runs/{job}/annotations", guarded(&Api::check_annotations));
  add_artifacts(router, actions);
}

void Api::add_routes(http::Router& router) {
  add_github(router, "/api/v3");
  add_github(router, "");
  add_pages(router);
  const std::string own = "/api/gantry/v1";
  router.add("GET", own + "/status", guarded(&Api::own_status));
  router.add("GET", own + "/runs", guarded(&Api::own_runs));
  router.add("GET", own + "/runs/{run}", guarded(&Api::own_get_run));
  router.add("GET", own + "/runs/{run}/artifacts", guarded(&Api::own_artifacts));
  router.add("GET", own + "/artifacts/{artifact}/download",
             [this, open = answering(&Api::artifact_bytes),
              shut = guarded(&Api::artifact_bytes)](Request& request) -> async::Task<Response> {
               const http::Handler& handler = has_valid_link(request) ? open : shut;
               co_return co_await handler(request);
             });
  router.add("GET", own + "/runs/{run}/explain", guarded(&Api::own_explain));
  router.add("GET", own + "/runs/{run}/events", guarded(&Api::run_events));
  router.add("GET", own + "/runs/{run}/log/stream", guarded(&Api::run_log_stream));
  router.add("POST", own + "/runs/{run}/cancel", guarded(&Api::own_cancel));
  router.add("POST", own + "/runs/{run}/rerun", guarded(&Api::own_rerun));
  router.add("POST", own + "/runs/{run}/reviews", guarded(&Api::own_review));
  router.add("GET", own + "/jobs/{job}", guarded(&Api::own_get_job));
  router.add("GET", own + "/jobs/{job}/log", guarded(&Api::own_job_log));
  router.add("GET", own + "/jobs/{job}/log/stream", guarded(&Api::job_log_stream));
  router.add("GET", own + "/deliveries", guarded(&Api::own_deliveries));
  router.add("GET", own + "/deliveries/{guid}", guarded(&Api::own_delivery));
  // For load balancers and scripts: answers without a token and says nothing else.
  router.add("GET", "/healthz", [this](Request&) -> async::Task<Response> {
    co_await conductor_.db().read([](storage::Database&) { return 0; });
    co_return http::text_response(200, "ok\n");
  });
  router.add("GET", "/api/openapi.yaml", [](Request&) -> async::Task<Response> {
    Response response = http::text_response(200, std::string(openapi_document()));
    response.headers.set("Content-Type", "application/yaml; charset=utf-8");
    co_return response;
  });
}

ViewBase Api::base_of(const Request& request) const {
  ViewBase base;
  base.web = settings_.get()->public_url();
  const std::string_view forwarded = request.header("X-Forwarded-Proto");
  const std::string scheme = forwarded == "https" ? "https" : "http";
  const std::string origin = request.host.empty() ? base.web : scheme + "://" + request.host;
  base.api = request.path.starts_with("/api/v3/") ? origin + "/api/v3" : origin;
  return base;
}

// Who asks, for triggering_actor: tokens have no names, so the user of the socket or "api".
std::string Api::actor_of(const Request& request) const {
  return request.peer ? "uid-" + std::to_string(request.peer->uid) : "api";
}

// All a config may call who asks.
std::vector<std::string> Api::names_of(const Request& request) const {
  std::vector<std::string> names;
  if (request.peer) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const int failed =
        ::getpwuid_r(request.peer->uid, &entry, buffer.data(), buffer.size(), &found);
    if (failed == 0 && found != nullptr) names.emplace_back(found->pw_name);
  }
  names.push_back(actor_of(request));
  return names;
}

async::Task<storage::Repository> Api::repository_of(const Request& request) {
  const std::string name =
      std::string(request.param("owner")) + "/" + std::string(request.param("repo"));
  const auto repo = co_await conductor_.db().read(
      [&](storage::Database& d) { return storage::find_repository(d, name); });
  if (!repo) throw core::Exception(core::Errc::not_found, "Not Found");
  co_return *repo;
}

async::Task<storage::Run> Api::run_of(const Request& request) {
  const core::RunId id{number_of(request.param("run"), "run")};
  const auto run =
      co_await conductor_.db().read([&](storage::Database& d) { return storage::find_run(d, id); });
  if (!run) {
    throw core::Exception(core::Errc::not_found,
                          "looking for run '" + std::to_string(id.value) + "': no such run");
  }
  co_return *run;
}

}  // namespace gantry::daemon::control
