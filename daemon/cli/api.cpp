// SPDX-License-Identifier: MIT
#include "daemon/cli/api.hpp"

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/http/client.hpp"
#include "proto/sse.hpp"
#include "proto/version.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace gantry::daemon::cli {
namespace {

using core::Errc;
using core::Exception;
using http::ClientRequest;
using http::ClientResponse;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

std::string message_of(const ClientResponse& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("message") && body["message"].is_string()) {
    return body["message"].get<std::string>();
  }
  return "the server answered " + std::to_string(response.status);
}

Errc code_of(int status) {
  if (status == 404) return Errc::not_found;
  if (status == 401 || status == 403) return Errc::denied;
  if (status == 409) return Errc::conflict;
  if (status >= 500) return Errc::unavailable;
  return Errc::invalid;
}

}  // namespace

Connection find_connection(std::string socket, std::string url, const std::string& token_file) {
  Connection connection;
  if (socket.empty() && url.empty()) socket = environment("GANTRY_SOCKET");
  if (socket.empty() && url.empty()) url = environment("GANTRY_URL");
  if (!socket.empty()) {
    connection.socket = std::move(socket);
    return connection;
  }
  if (!url.empty()) {
    while (url.ends_with('/'))
      url.pop_back();
    connection.url = std::move(url);
    connection.token = token_file.empty() ? environment("GANTRY_TOKEN")
                                          : std::string(core::trim(core::read_file(token_file)));
    return connection;
  }
  std::string state_home = environment("XDG_STATE_HOME");
  if (state_home.empty()) state_home = environment("HOME") + "/.local/state";
  std::string tried;
  for (const std::string& path :
       {std::string("/run/gantry/gantry.sock"), std::string("/var/lib/gantry/run/gantry.sock"),
        state_home + "/gantry/run/gantry.sock", state_home + "/gantry-quickstart/run/gantry.sock",
        std::string("/var/lib/gantry-quickstart/run/gantry.sock")}) {
    if (is_socket(path)) {
      connection.socket = path;
      return connection;
    }
    tried += "\n  " + path;
  }
  throw Exception(Errc::not_found,
                  "looking for gantryd: no socket found; start gantryd, or say where it is with "
                  "--socket or --url (or GANTRY_SOCKET, GANTRY_URL). Tried:" +
                      tried);
}

struct Api::State {
  explicit State(Connection to)
      : connection(std::move(to)), client(runtime.executor(), client_config()) {}

  static http::ClientConfig client_config() {
    http::ClientConfig config;
    config.user_agent = "gantry/" + std::string(proto::product_version());
    config.body_limit_bytes = 1ULL << 30;
    config.redirects = 5;
    return config;
  }

  ClientRequest request(std::string method, const std::string& path) const {
    ClientRequest made;
    made.method = std::move(method);
    made.url = connection.socket.empty() ? connection.url + path : "http://gantry" + path;
    made.unix_socket = connection.socket;
    if (!connection.token.empty()) made.headers.set("Authorization", "Bearer " + connection.token);
    return made;
  }

  async::Task<> send_into(ClientRequest made, ClientResponse& into) {
    into = co_await client.send(std::move(made));
  }

  ClientResponse send(ClientRequest made) {
    ClientResponse response;
    async::run_to_end(runtime, send_into(std::move(made), response));
    if (response.status >= 400) throw Exception(code_of(response.status), message_of(response));
    return response;
  }

  Connection connection;
  async::Runtime runtime;
  http::Client client;
};

Api::Api(Connection connection) : state_(std::make_unique<State>(std::move(connection))) {}
Api::~Api() = default;

nlohmann::json Api::get(const std::string& path) {
  const std::string body = get_text(path);
  auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (parsed.is_discarded()) {
    throw Exception(Errc::protocol, "reading the answer of '" + path + "': it is not JSON");
  }
  return parsed;
}

std::string Api::get_text(const std::string& path) {
  return state_->send(state_->request("GET", path)).body;
}

void Api::download(const std::string& path, const std::filesystem::path& file) {
  const core::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) core::throw_errno("writing '" + file.string() + "'");
  ClientRequest request = state_->request("GET", path);
  ClientResponse head;
  const auto on_head = [&](const ClientResponse& given) { head = given; };
  const auto on_body = [&](std::string_view bytes) {
    if (head.status >= 400) {
      head.body += bytes;
    } else {
      core::write_all(fd.get(), bytes);
    }
    return true;
  };
  auto run = [&]() -> async::Task<> {
    co_await state_->client.stream(std::move(request), on_head, on_body, std::chrono::seconds(60));
  };
  async::run_to_end(state_->runtime, run());
  if (head.status >= 400) throw Exception(code_of(head.status), message_of(head));
}

nlohmann::json Api::post(const std::string& path, const std::string& body) {
  ClientRequest request = state_->request("POST", path);
  request.headers.set("Content-Type", "application/json");
  request.body = body;
  const std::string answer = state_->send(std::move(request)).body;
  return answer.empty() ? nlohmann::json::object() : nlohmann::json::parse(answer, nullptr, false);
}

bool Api::follow(const std::string& path, const OnEvent& on_event) {
  static constexpr int kReconnects = 20;
  std::string last_id;
  for (int broken = 0;; ++broken) {
    ClientRequest request = state_->request("GET", path);
    request.headers.set("Accept", std::string(proto::kSseContentType));
    if (!last_id.empty()) request.headers.set("Last-Event-ID", last_id);
    proto::SseDecoder decoder;
    bool stopped = false;
    int status = 0;
    std::string error_body;
    auto on_head = [&](const ClientResponse& head) { status = head.status; };
    auto on_body = [&](std::string_view bytes) {
      if (status >= 400) {
        error_body += bytes;
        return true;
      }
      for (const proto::SseEvent& event : decoder.feed(bytes)) {
        broken = 0;
        if (on_event(event.event, event.data) == Go::stop) {
          stopped = true;
          return false;
        }
      }
      return true;
    };
    auto run = [&]() -> async::Task<> {
      // gantryd sends a comment every 15 s; silence for a minute is a broken connection.
      co_await state_->client.stream(std::move(request), on_head, on_body,
                                     std::chrono::seconds(60));
    };
    try {
      async::run_to_end(state_->runtime, run());
    } catch (const http::TransportError&) {
      if (broken >= kReconnects) throw;
    }
    if (stopped) return true;
    if (status >= 400) {
      ClientResponse refused;
      refused.status = status;
      refused.body = error_body;
      throw Exception(code_of(status), message_of(refused));
    }
    if (broken >= kReconnects) return false;
    if (!decoder.last_event_id().empty()) last_id = decoder.last_event_id();
    async::run_to_end(state_->runtime, async::sleep_for(std::chrono::milliseconds(250)));
  }
}

Api::Answer Api::send_raw(std::string method, const std::string& url, std::string body,
                          const std::vector<std::pair<std::string, std::string>>& headers) {
  ClientRequest request;
  request.method = std::move(method);
  const bool is_path = url.starts_with('/');
  request.url = !is_path                            ? url
                : state_->connection.socket.empty() ? state_->connection.url + url
                                                    : "http://gantry" + url;
  if (is_path) request.unix_socket = state_->connection.socket;
  for (const auto& [name, value] : headers)
    request.headers.set(name, value);
  request.body = std::move(body);
  ClientResponse response;
  async::run_to_end(state_->runtime, state_->send_into(std::move(request), response));
  return {response.status, std::move(response.body)};
}

}  // namespace gantry::daemon::cli
