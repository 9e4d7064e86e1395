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

namespace {

// Counts the bytes of a body that it reads in pieces; stops after `enough`.
http::Router counting_router(std::uint64_t enough) {
  http::Router router;
  http::RouteOptions options;
  options.body = http::BodyMode::streamed;
  options.body_limit_bytes = 1ULL << 40;
  const auto count = [enough](http::Request& request) -> Task<http::Response> {
    std::vector<char> piece(64 << 10);
    std::uint64_t total = 0;
    while (total < enough) {
      const std::size_t size = co_await request.stream->read_some(piece);
      if (size == 0) break;
      total += size;
    }
    co_return http::text_response(
        200, std::to_string(total) + " of " + std::to_string(request.stream->length()) + "\n");
  };
  router.add("PUT", "/count", count, options);
  return router;
}

}  // namespace

TEST_CASE("streamed bodies: read by the handler with flat memory, the connection goes on") {
  const http::Router router = counting_router(UINT64_MAX);
  ServerThread server(router);
  RawConnection client(server.port());
  const std::uint64_t size = 300ULL << 20;
  const long before = resident_kib();
  client.send("PUT /count HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: " +
              std::to_string(size) + "\r\n\r\n");
  client.read_until("HTTP/1.1 100 Continue\r\n\r\n");
  const std::string piece(1 << 20, 'x');
  for (std::uint64_t sent = 0; sent < size; sent += piece.size())
    REQUIRE(client.send(piece));
  client.read_until("314572800 of 314572800\n");
  CHECK(resident_kib() - before < 30 * 1024);
  client.send(
      "PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPUT /count HTTP/1.1\r\n"
      "Host: h\r\nContent-Length: 0\r\n\r\n");
  client.read_until("3 of 3\n");
  client.read_until("0 of 0\n");
}

TEST_CASE("streamed bodies: without a length they are refused, unread ones end the connection") {
  const http::Router router = counting_router(1);
  ServerThread server(router);
  RawConnection chunked(server.port());
  chunked.send("PUT /count HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.read_until("411 Length Required");
  RawConnection unread(server.port());
  unread.send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
  CHECK(unread.read_until("of 1000000\n").find("Connection: close") != std::string::npos);
  RawConnection gone(server.port());
  gone.send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
  gone.close();
  RawConnection next(server.port());
  next.send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  next.read_until("1 of 1\n");
}
