// SPDX-License-Identifier: MIT
// One connection of the server: reads requests, runs handlers, writes answers, in turn. Internal to
// gantry_http. The server's tick enforces its deadlines.
#pragma once

#include "daemon/async/task.hpp"
#include "daemon/http/message.hpp"
#include "daemon/http/router.hpp"
#include "daemon/http/server.hpp"
#include "daemon/http/stream.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace gantry::daemon::http {

// Where a connection came from.
struct Origin {
  std::string endpoint;
  std::string remote;
  std::optional<PeerCredentials> peer;
};

class Session {
 public:
  // `all_bodies`: bytes of requests held by all sessions of the server.
  Session(Socket socket, Origin origin, const Router& router, const ServerLimits& limits,
          std::uint64_t& all_bodies);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  Task<> run();
  void tick(std::chrono::steady_clock::time_point now);  // ends what is over its deadline
  void begin_close();  // the answer under way is the last one; waiting and streaming end now

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::daemon::http
