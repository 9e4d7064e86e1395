// SPDX-License-Identifier: MIT
// The HTTP API: GitHub's Actions REST shapes under /api/v3 (and at / for clients that were pointed
// here as api.github.com), our own under /api/gantry/v1. On the Unix socket without a token, over
// TCP only with one. docs/openapi.yaml describes it and is served at /api/openapi.yaml.
#pragma once

#include "daemon/control/conductor.hpp"
#include "daemon/control/intake.hpp"
#include "daemon/control/live.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/control/views.hpp"
#include "daemon/http/router.hpp"
#include "storage/artifacts.hpp"
#include "storage/caches.hpp"
#include "storage/layout.hpp"

#include <string>
#include <vector>

namespace gantry::daemon::control {

class Api {
 public:
  Api(async::Runtime& runtime, Conductor& conductor, Intake& intake, SettingsHolder& settings,
      storage::Layout layout, Live& live);

  void add_routes(http::Router& router);

 private:
  using Method = async::Task<http::Response> (Api::*)(http::Request&);

  // Refuses without a token, turns core::Exception into the status that fits.
  http::Handler guarded(Method method);
  http::Handler answering(Method method);  // the second without the first
  void add_github(http::Router& router, const std::string& prefix);

  // api_pages.cpp
  http::Handler paged(Method method);  // guarded, with refusals as pages
  void add_pages(http::Router& router);
  async::Task<http::Response> page_of_runs(http::Request& request);
  async::Task<http::Response> page_of_run(http::Request& request);
  async::Task<http::Response> page_of_job(http::Request& request);

  // api_github.cpp
  async::Task<http::Response> list_runs(http::Request& request);
  async::Task<http::Response> get_run(http::Request& request);
  async::Task<http::Response> list_jobs(http::Request& request);
  async::Task<http::Response> get_job(http::Request& request);
  async::Task<http::Response> job_logs(http::Request& request);
  async::Task<http::Response> list_workflows(http::Request& request);
  async::Task<http::Response> get_workflow(http::Request& request);
  async::Task<http::Response> list_workflow_runs(http::Request& request);
  async::Task<http::Response> cancel_run(http::Request& request);
  async::Task<http::Response> rerun_run(http::Request& request);
  async::Task<http::Response> rerun_failed(http::Request& request);
  async::Task<http::Response> rerun_job(http::Request& request);
  async::Task<http::Response> dispatch(http::Request& request);
  async::Task<http::Response> repository_dispatch(http::Request& request);
  async::Task<http::Response> check_annotations(http::Request& request);
  async::Task<http::Response> get_repository(http::Request& request);

  // api_artifacts.cpp
  void add_artifacts(http::Router& router, const std::string& actions);
  async::Task<http::Response> list_artifacts(http::Request& request);
  async::Task<http::Response> list_run_artifacts(http::Request& request);
  async::Task<http::Response> get_artifact(http::Request& request);
  async::Task<http::Response> artifact_link(http::Request& request);
  async::Task<http::Response> artifact_bytes(http::Request& request);
  async::Task<http::Response> delete_artifact(http::Request& request);
  async::Task<http::Response> own_artifacts(http::Request& request);
  async::Task<http::Response> list_caches(http::Request& request);
  async::Task<http::Response> delete_caches(http::Request& request);
  async::Task<http::Response> delete_cache(http::Request& request);
  async::Task<http::Response> cache_usage(http::Request& request);
  async::Task<http::Response> delete_these(std::vector<storage::Cache> caches);
  async::Task<storage::Artifact> artifact_of(const http::Request& request);
  async::Task<> remove_blobs(std::vector<std::string> digests);
  std::string link_signature(std::int64_t artifact, const std::string& expires) const;
  bool has_valid_link(const http::Request& request) const;

  // api_own.cpp
  async::Task<http::Response> own_runs(http::Request& request);
  async::Task<http::Response> own_get_run(http::Request& request);
  async::Task<http::Response> own_get_job(http::Request& request);
  async::Task<http::Response> own_explain(http::Request& request);  // api_explain.cpp
  async::Task<http::Response> own_cancel(http::Request& request);
  async::Task<http::Response> own_rerun(http::Request& request);
  async::Task<http::Response> own_review(http::Request& request);
  async::Task<http::Response> own_delivery(http::Request& request);
  async::Task<http::Response> own_deliveries(http::Request& request);
  async::Task<http::Response> own_status(http::Request& request);

  // api_logs.cpp
  async::Task<http::Response> own_job_log(http::Request& request);
  async::Task<http::Response> run_events(http::Request& request);
  async::Task<http::Response> run_log_stream(http::Request& request);
  async::Task<http::Response> job_log_stream(http::Request& request);
  async::Task<http::Response> whole_log(core::JobId job);
  async::Task<http::Response> stream_log(core::RunId run, core::JobId only, http::Request& request);

  async::Task<storage::Repository> repository_of(const http::Request& request);
  async::Task<storage::Run> run_of(const http::Request& request);
  async::Task<std::string> run_json(core::RunId run, int attempt);
  ViewBase base_of(const http::Request& request) const;
  std::string actor_of(const http::Request& request) const;
  std::vector<std::string> names_of(const http::Request& request) const;

  async::Runtime& runtime_;
  Conductor& conductor_;
  Intake& intake_;
  SettingsHolder& settings_;
  storage::Layout layout_;
  Live& live_;
  std::string link_key_;  // of addresses that need no token; dies with us
};

}  // namespace gantry::daemon::control
