// SPDX-License-Identifier: MIT
// The CLI's way to gantryd: its Unix socket, or an http(s) address with a token. Blocking.
#pragma once

#include "core/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gantry::daemon::cli {

struct Connection {
  std::string socket;  // path; wins over url
  std::string url;     // http://host:port
  std::string token;   // with url
};

// What --socket, --url and the environment say, or the first socket found in the usual places.
// Throws core::Exception naming all places tried.
Connection find_connection(std::string socket, std::string url, const std::string& token_file);

class Api {
 public:
  explicit Api(Connection connection);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  ~Api();

  // `path` from /api on. A status of 400 and more throws core::Exception with the server's message.
  nlohmann::json get(const std::string& path);
  nlohmann::json post(const std::string& path, const std::string& body = "{}");
  std::string get_text(const std::string& path);
  void download(const std::string& path, const std::filesystem::path& file);  // makes the file

  // Server-sent events until `on_event` returns false or the stream ends; reconnects, resuming by
  // the last id, when the connection breaks. Returns false when it ended without on_event's word.
  enum class Go { on, stop };
  using OnEvent = std::function<Go(std::string_view event, std::string_view data)>;
  bool follow(const std::string& path, const OnEvent& on_event);

  // A raw request outside the API, for `gantry hook`.
  struct Answer {
    int status = 0;
    std::string body;
  };
  Answer send_raw(std::string method, const std::string& url, std::string body,
                  const std::vector<std::pair<std::string, std::string>>& headers);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::daemon::cli
