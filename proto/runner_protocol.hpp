// SPDX-License-Identifier: MIT
// What gantryd tells a gantry-runner: how to start, and the one job it runs. On the runner's stdin
// one or two lines, then HTTP/1.1 over the socket, `Authorization: Bearer <one-job token>`:
//   GET  /runner/v1/job      the job message, where the start line has none
//   POST /runner/v1/events   ndjson of events (proto/runner_events.hpp), answered by an
//                            acknowledgement
//   POST /runner/v1/services a call of a runtime service (proto/actions_services.hpp)
//   GET  /runner/v1/control  waits at most 30 s for an acknowledgement that asks for something
// A token is good for one job; 401 = not (any more) this runner's job, which makes it stop.
#pragma once

#include "core/base/ids.hpp"
#include "core/base/result.hpp"
#include "core/base/time.hpp"
#include "core/config/config.hpp"
#include "core/expr/value.hpp"
#include "proto/version.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::proto {

inline constexpr std::string_view kRunnerJobPath = "/runner/v1/job";
inline constexpr std::string_view kRunnerEventsPath = "/runner/v1/events";
inline constexpr std::string_view kRunnerControlPath = "/runner/v1/control";
inline constexpr std::string_view kRunnerServicesPath = "/runner/v1/services";
inline constexpr std::chrono::seconds kRunnerControlWait{30};

enum class Trust { trusted, untrusted };
enum class IdTokens { no, yes };  // `permissions` grants id-token: write

struct JobSandbox {
  std::string root = "host";  // kind of root file system; only "host" so far
  core::config::Network network = core::config::Network::none;
  std::vector<std::string> read_only_mounts;
  std::vector<std::string> path;   // PATH in the job; empty = the usual
  std::uint64_t memory_bytes = 0;  // 0 = no limit, as in all of these
  std::uint64_t pids = 0;
  unsigned cpu_percent = 0;
  std::uint64_t output_bytes = 0;  // log of the job
  std::uint64_t disk_bytes = 0;    // job folder
};

struct JobPaths {
  std::string log, log_index;            // made by the runner (core/run/log_format.hpp)
  std::string mirror;                    // bare mirror of the repository, fetched already
  std::string trees;                     // cache of commit trees of this repository
  std::string roots;                     // cache of parts of root file systems; "" = none
  std::string git_binary, agent_binary;  // gantry-git, gantry-agent
};

// Where native checkout gets its commits from. Credentials empty = none.
struct JobRepository {
  std::string full_name;   // owner/name
  std::string server_url;  // https://github.com, what the workspace's `origin` starts with
  std::string clone_url;   // what the mirror is fetched from: https, ssh or a path
  std::string token;       // for https; also the default of checkout's `token`
  std::string ssh_key_file, known_hosts_file;
  std::string clone_base;  // other repositories of this server: clone_base/owner/name
  std::string ca_file;     // https: whom to trust; "" = the system's
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;

// Actions of other repositories (core/config/config.hpp, struct Actions).
struct JobActions {
  std::vector<std::string> sources, allow;
  core::config::Pinning pinning = core::config::Pinning::any_ref;
  std::chrono::seconds refresh{60};
  std::string store;  // folder they are kept in
  NamedValues node;   // program by runtime
};

struct JobMessage {
  int protocol = kRunnerProtocol;
  core::RunId run;
  std::int64_t run_number = 0;
  int run_attempt = 1;
  core::JobId job;
  std::string job_key;   // id in the workflow file
  std::string job_name;  // as shown, matrix values included
  std::string workflow_file;
  std::string workflow_text;  // of this job at least; the runner reads it with the same parser
  // Contexts. `github` has no token, job, workspace or files of the runner: the runner adds them.
  core::expr::Value github, needs, inputs, strategy, matrix;
  NamedValues vars, secrets;
  std::string github_token;        // github.token and secrets.GITHUB_TOKEN; "" = none
  std::vector<std::string> masks;  // besides secrets and tokens
  Trust trust = Trust::untrusted;
  IdTokens id_tokens = IdTokens::no;
  std::uint64_t blob_bytes = 0;  // of one artifact or cache entry; 0 = no limit
  std::chrono::milliseconds timeout{std::chrono::minutes(360)};
  std::chrono::minutes cancel_timeout{5};
  std::vector<std::string> labels;
  std::string runner_name;  // runner.name
  JobSandbox sandbox;
  JobPaths paths;
  JobRepository repository;
  JobActions actions;
  core::config::Confine confine_git = core::config::Confine::yes;
  core::Timestamp created_at{};
};

// The first line on the stdin of a runner started ahead of need: what it can make ready before it
// knows its job.
struct RunnerPrepare {
  int protocol = kRunnerProtocol;
  std::string folder;
  JobSandbox sandbox;               // as the next job is likely to want it
  std::string agent_binary, roots;  // as in JobPaths
};

// The line that gives a runner its job; end of file instead makes it exit 0. `folder` (the same in
// both lines) exists, mode 0700. For as long as the runner lives, <folder>/lock is locked (flock),
// from before it is born where gantryd hands it the lock; its pid is in <folder>/runner.pid, its
// events in <folder>/events.ndjson.
struct RunnerStart {
  int protocol = kRunnerProtocol;
  std::string socket;  // path of gantryd's Unix socket
  std::string token;
  core::JobId job;
  std::string folder;
  std::optional<JobMessage> message;  // nothing: too big for a pipe, to be fetched
};

// JSON, one line without its end. Decoding checks every field's type; a missing one is its default,
// an unknown one is ignored, a protocol version other than ours is refused with both named.
// `gantry-runner locked` holds its folder's lock by this descriptor.
inline constexpr int kRunnerLockFd = 3;
// The control group of the job's sandbox, where there can be one.
std::string sandbox_group(std::string_view folder);

std::string encode(const RunnerPrepare& prepare);
bool is_runner_prepare(std::string_view json);  // or a start line
core::Result<RunnerPrepare> decode_runner_prepare(std::string_view json);
std::string encode(const RunnerStart& start);
core::Result<RunnerStart> decode_runner_start(std::string_view json);
std::string encode(const JobMessage& message);
core::Result<JobMessage> decode_job_message(std::string_view json);

}  // namespace gantry::proto
