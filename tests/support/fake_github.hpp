// SPDX-License-Identifier: MIT
// Starts tests/support/fake_github.py with an App key made for it, and talks to its control side.
#pragma once

#include "core/base/files.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/github/client.hpp"
#include "daemon/http/client.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace gantry::test {

using daemon::async::Task;

// Whether the stand-in can run here: GitHub's API description and python's jsonschema.
inline bool has_fake_github() {
  const char* const set = std::getenv("GANTRY_SHARED_DIR");
  const std::string shared = set != nullptr ? set : GANTRY_SOURCE_DIR "/../shared";
  return std::filesystem::exists(shared + "/github/github-openapi-trimmed.json") &&
         std::system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null") == 0;
}

class FakeGithub {
 public:
  static constexpr std::int64_t kInstallation = 7;
  static constexpr const char* kRepository = "octo/hello";
  static constexpr const char* kPersonalToken = "ghp_personal";

  FakeGithub() {
    const std::string dir = folder_.path().string();
    const std::string make = "cd '" + dir +
                             "' && openssl genrsa -traditional -out key.pem 2048 2>/dev/null && "
                             "openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null && "
                             "openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem";
    REQUIRE(std::system(make.c_str()) == 0);
    core::Pipe out = core::make_pipe();
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    std::array<std::string, 10> words = {
        "python3",          GANTRY_SOURCE_DIR "/tests/support/fake_github.py",
        "--public-key",     dir + "/public.pem",
        "--issuer",         "Iv1.test",
        "--repository",     kRepository,
        "--personal-token", kPersonalToken};
    std::array<char*, 11> argv{};
    for (std::size_t i = 0; i < words.size(); ++i)
      argv.at(i) = words.at(i).data();
    REQUIRE(::posix_spawn(&pid_, "/usr/bin/python3", &actions, nullptr, argv.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    out.write.reset();
    std::array<char, 32> line{};
    REQUIRE(::read(out.read.get(), line.data(), line.size() - 1) > 0);
    base_url = "http://127.0.0.1:" + std::to_string(std::atoi(line.data()));
    app.issuer = "Iv1.test";
    app.private_key_pem = core::read_file(folder_.path() / "key.pem");
    pkcs8_pem = core::read_file(folder_.path() / "pkcs8.pem");
  }
  FakeGithub(const FakeGithub&) = delete;
  FakeGithub& operator=(const FakeGithub&) = delete;
  ~FakeGithub() { stop(); }

  // GitHub is gone: connections are refused.
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  Task<nlohmann::json> control(std::string what, std::string body) {
    const auto executor = co_await boost::asio::this_coro::executor;
    daemon::http::ClientConfig config;
    daemon::http::Client client(executor, std::move(config));
    daemon::http::ClientRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.url = base_url + "/_control/" + what;
    request.body = std::move(body);
    const auto response = co_await client.send(std::move(request));
    REQUIRE(response.status == 200);
    co_return nlohmann::json::parse(response.body);
  }
  // The state, after checking that nothing was sent that GitHub would refuse.
  Task<nlohmann::json> state() {
    nlohmann::json state = co_await control("state", "");
    for (const auto& violation : state["violations"])
      FAIL_CHECK("GitHub would refuse: " << violation.get<std::string>());
    co_return state;
  }

  std::string base_url;
  daemon::github::AppConfig app;
  std::string pkcs8_pem;

 private:
  core::TempDir folder_;
  pid_t pid_ = 0;
};

}  // namespace gantry::test
