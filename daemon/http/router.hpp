// SPDX-License-Identifier: MIT
// Method + path -> handler. Patterns: "/repos/{owner}/{repo}/runs/{id}"; "{path...}" at the end
// takes the rest with its slashes. Fixed segments win over parameters. HEAD is served by GET.
#pragma once

#include "daemon/http/message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::http {

// streamed: the handler reads the body itself from Request::stream; Content-Length is demanded
// (411).
enum class BodyMode { whole, streamed };

struct RouteOptions {
  std::uint64_t body_limit_bytes = 1ULL << 20;  // more is 413
  BodyMode body = BodyMode::whole;
};

class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // Throws Exception(invalid) for a broken pattern or one taken already.
  void add(std::string_view method, std::string_view pattern, Handler handler,
           RouteOptions options = {});

  struct Match {
    int status = 404;                  // 200, 404 or 405
    const Handler* handler = nullptr;  // set with 200; lives as long as the router
    RouteOptions options;
    std::vector<std::pair<std::string, std::string>> params;
    std::string allow;  // value of Allow with 405
  };
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace gantry::daemon::http
