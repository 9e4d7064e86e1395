// SPDX-License-Identifier: MIT
#include "daemon/http/client.hpp"
#include "tests/support/http_fixture.hpp"

#include <fcntl.h>

using namespace gantry;
using test::RawConnection;
using test::ServerThread;
using test::Task;
namespace http = daemon::http;

namespace {

// Serves one file at /file.
http::Router file_router(const std::filesystem::path& path) {
  http::Router router;
  router.add("GET", "/file", [path](http::Request&) -> Task<http::Response> {
    core::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    http::Response response = http::file_response(std::move(fd), "text/plain");
    response.headers.set("ETag", "\"v1\"");
    co_return response;
  });
  return router;
}

long resident_kib() {
  const std::string status = core::read_file("/proc/self/status");
  return std::stol(status.substr(status.find("VmHWM:") + 6));
}

}  // namespace

TEST_CASE("files: ranges, conditions and HEAD") {
  struct Case {
    const char* header;
    int status;
    const char* body;
    const char* range;
  };
  const Case cases[] = {
      {"", 200, "0123456789", ""},
      {"Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"},
      {"Range: bytes=7-\r\n", 206, "789", "bytes 7-9/10"},
      {"Range: bytes=-2\r\n", 206, "89", "bytes 8-9/10"},
      {"Range: bytes=5-99\r\n", 206, "56789", "bytes 5-9/10"},
      {"Range: bytes=10-\r\n", 416, nullptr, "bytes */10"},
      {"Range: bytes=4-2\r\n", 200, "0123456789", ""},
      {"Range: bytes=1-2,4-5\r\n", 200, "0123456789", ""},
      {"Range: lines=1-2\r\n", 200, "0123456789", ""},
      {"Range: bytes=99999999999999999999-\r\n", 200, "0123456789", ""},
      {"Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n", 206, "234", "bytes 2-4/10"},
      {"Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n", 200, "0123456789", ""},
      {"If-None-Match: \"v1\"\r\n", 304, "", ""},
  };
  const core::TempDir folder;
  core::write_file_atomic(folder.path() / "f", "0123456789");
  const http::Router router = file_router(folder.path() / "f");
  ServerThread server(router);
  RawConnection client(server.port());
  for (const Case& one : cases) {
    CAPTURE(one.header);
    client.send("GET /file HTTP/1.1\r\nHost: h\r\n" + std::string(one.header) + "\r\n");
    const std::string answer = client.read_answer();
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(one.status)));
    if (one.body != nullptr) CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == one.body);
    const std::string range = "Content-Range: " + std::string(one.range);
    if (*one.range != '\0') CHECK(answer.find(range) != std::string::npos);
  }
}

TEST_CASE("files: a file of 512 MB passes both ends with flat memory") {
  const core::TempDir folder;
  const auto path = folder.path() / "big";
  const std::uint64_t size = 512ULL << 20U;
  core::write_file_atomic(path, "");
  std::filesystem::resize_file(path, size);
  const http::Router router = file_router(path);
  ServerThread server(router);
  const long before = resident_kib();
  std::uint64_t got = 0;
  const auto fetch = [](const ServerThread& from, std::uint64_t& count) -> Task<> {
    const auto executor = co_await boost::asio::this_coro::executor;
    http::Client client(executor, {});
    http::ClientRequest request;
    request.url = from.url("/file");
    http::Client::OnBody on_body = [&](std::string_view bytes) {
      count += bytes.size();
      return true;
    };
    const http::ClientResponse head = co_await client.stream(
        std::move(request), nullptr, std::move(on_body), std::chrono::seconds(10));
    CHECK(head.status == 200);
  };
  test::run(fetch(server, got));
  CHECK(got == size);
#ifdef __SANITIZE_ADDRESS__
  const long limit_kib = 256 * 1024;  // freed memory is held back for a while
#else
  const long limit_kib = 16 * 1024;
#endif
  CHECK(resident_kib() - before < limit_kib);
}

TEST_CASE("files: one that shrinks while it is sent ends the connection instead of lying") {
  const core::TempDir folder;
  const auto path = folder.path() / "f";
  core::write_file_atomic(path, "0123456789");
  http::Router router;
  router.add("GET", "/file", [path](http::Request&) -> Task<http::Response> {
    core::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    http::Response response = http::file_response(std::move(fd), "text/plain");
    std::filesystem::resize_file(path, 4);
    co_return response;
  });
  ServerThread server(router);
  RawConnection client(server.port());
  client.send("GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = client.read_to_end();
  CHECK(answer.find("Content-Length: 10") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n0123"));
}
