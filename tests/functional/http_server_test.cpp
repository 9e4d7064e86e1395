// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"
#include "tests/support/http_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>

using namespace gantry;
using test::RawConnection;
using test::ServerThread;
using test::Task;
namespace http = daemon::http;

namespace {

using std::chrono::milliseconds;

std::atomic<int> g_stream_ends{0};

// Counts the ways a stream's producer is left.
struct EndCounter {
  EndCounter() = default;
  EndCounter(const EndCounter&) = delete;
  EndCounter& operator=(const EndCounter&) = delete;
  ~EndCounter() { ++g_stream_ends; }
};

Task<http::Response> echo(http::Request& request) {
  co_return http::text_response(200, request.method + ' ' + request.path + ' ' + request.body);
}
Task<http::Response> broken(http::Request& request) {
  static_cast<void>(request);
  throw core::Exception(core::Errc::io, "opening '/secret/place': no");
  co_return http::Response();
}
Task<http::Response> who(http::Request& request) {
  std::string text = request.endpoint + ' ' + request.remote + ' ' + request.host;
  if (request.peer) text += " uid=" + std::to_string(request.peer->uid);
  co_return http::text_response(200, text);
}
Task<http::Response> header_split(http::Request& request) {
  static_cast<void>(request);
  co_return http::redirect_response(302, "/a\r\nSet-Cookie: b");
}

Task<> produce_three(http::BodyWriter& out) {
  static constexpr std::array<const char*, 3> kPieces = {"one ", "two ", "three"};
  for (const char* piece : kPieces)
    co_await out.write(piece);
}
Task<> produce_for_ever(http::BodyWriter& out) {
  const EndCounter counter;
  const std::string piece(64 * 1024, 'x');
  for (;;)
    co_await out.write(piece);
}
Task<> produce_silence(http::BodyWriter& out) {
  const EndCounter counter;
  co_await out.write("hello");
  co_await daemon::async::sleep_for(std::chrono::hours(1));
}
Task<> produce_failure(http::BodyWriter& out) {
  co_await out.write("begun");
  throw core::Exception(core::Errc::io, "the source broke");
}
http::Handler streaming(Task<> (*produce)(http::BodyWriter&)) {
  return [produce](http::Request&) -> Task<http::Response> {
    http::Response response;
    response.body = http::StreamBody(produce);
    co_return response;
  };
}

http::Router make_router() {
  http::Router router;
  router.add("GET", "/echo", echo);
  router.add("POST", "/echo", echo);
  router.add("POST", "/big", echo, {.body_limit_bytes = 25ULL << 20});
  router.add("POST", "/echo/{name}/x", echo);
  router.add("GET", "/broken", broken);
  router.add("GET", "/who", who);
  router.add("GET", "/split", header_split);
  router.add("GET", "/three", streaming(produce_three));
  router.add("GET", "/ever", streaming(produce_for_ever));
  router.add("GET", "/silence", streaming(produce_silence));
  router.add("GET", "/failing", streaming(produce_failure));
  return router;
}

std::string get(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}
std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
std::string last_line(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

// Waits for a state another thread brings about.
template <class F>
bool comes_true(F predicate) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("server: answers a request and keeps the connection") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(post("/echo", "hello"));
    const std::string answer = client.read_answer();
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(has(answer, "Connection: keep-alive"));
    CHECK(last_line(answer) == "POST /echo hello");
  }
}

TEST_CASE("server: pipelined requests are answered in order") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send(post("/echo", "1") + get("/three") + post("/echo", "2") + get("/echo"));
  CHECK(last_line(client.read_answer()) == "POST /echo 1");
  CHECK(has(client.read_until("0\r\n\r\n"), "three"));
  CHECK(last_line(client.read_answer()) == "POST /echo 2");
  CHECK(last_line(client.read_answer()) == "GET /echo ");
}

TEST_CASE("server: what is not HTTP, or not for us, is refused in GitHub's shape and closed") {
  struct Case {
    const char* name;
    std::string sent;
    int status;
  };
  const std::string zero("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28);
  const Case cases[] = {
      {"garbage", "hello there\r\n\r\n", 400},
      {"TLS hello", "\x16\x03\x01\x02\x01\r\n\r\n", 400},
      {"NUL in the target", zero, 400},
      {"no Host", "GET /echo HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"authority form", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"length and chunks",
       "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"unknown coding",
       "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\nGET /echo", 501},
      {"two lengths",
       "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"negative length", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
      {"bad chunk", "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       400},
      {"unknown expectation", get("/echo", "Expect: a-pony\r\n"), 417},
      {"large header", get("/echo", "X: " + std::string(20000, 'a') + "\r\n"), 431},
      {"large body", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413},
      {"huge length",
       "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n", 413},
      {"body of unknown path", "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
       413},
  };
  const http::Router router = make_router();
  ServerThread server(router);
  for (const Case& one : cases) {
    CAPTURE(one.name);
    RawConnection client(server.port());
    client.send(one.sent);
    client.end_sending();
    const std::string answer = client.read_to_end();
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(one.status) + ' '));
    CHECK(has(answer, "Connection: close"));
    CHECK(has(answer, "Content-Type: application/json; charset=utf-8"));
    CHECK(has(answer, "\"status\":\"" + std::to_string(one.status) + '"'));
  }
}

TEST_CASE("server: unknown paths are 404, known paths with another method 405 with Allow") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send(get("/none"));
  CHECK(client.read_answer().starts_with("HTTP/1.1 404 "));
  client.send("DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = client.read_answer();
  CHECK(answer.starts_with("HTTP/1.1 405 "));
  CHECK(has(answer, "Allow: GET, HEAD, POST"));
}

TEST_CASE("server: an exception of a handler is a 500 that says nothing, and a log line") {
  static std::string logged;
  logged.clear();
  core::log::set_sink([](core::log::Level, std::string_view text) { logged += text; },
                      core::log::Level::warn);
  const http::Router router = make_router();
  {
    ServerThread server(router);
    RawConnection client(server.port());
    client.send(get("/broken"));
    const std::string answer = client.read_answer();
    CHECK(answer.starts_with("HTTP/1.1 500 "));
    CHECK_FALSE(has(answer, "secret"));
    client.send(get("/split"));
    const std::string split = client.read_answer();
    CHECK(split.starts_with("HTTP/1.1 500 "));
    CHECK_FALSE(has(split, "Set-Cookie"));
  }
  core::log::set_sink(nullptr, core::log::Level::info);
  CHECK(has(logged, "/secret/place"));
  CHECK(has(logged, "line break"));
}

TEST_CASE(
    "server: a body of 25 MB is taken where the route allows it, in chunks too, no byte more") {
  const http::Router router = make_router();
  ServerThread server(router);
  const std::string body(25U << 20U, 'b');
  RawConnection client(server.port());
  client.send(post("/big", body));
  CHECK(client.read_answer().size() > body.size());
  client.send("POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1900000\r\n");
  client.send(body);
  client.send("\r\n0\r\n\r\n");
  CHECK(client.read_answer().size() > body.size());
  client.send("POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1900001\r\n");
  client.send(body);
  CHECK(client.read_to_end().starts_with("HTTP/1.1 413 "));
  RawConnection other(server.port());
  other.send(post("/big", body + "b"));  // all of it is sent before the answer is read
  CHECK(other.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("server: large bodies of strangers share a bound, small ones and the socket's go on") {
  const http::Router router = make_router();
  http::ServerLimits limits;
  limits.bodies_bytes = 2 << 20;
  ServerThread server(router, limits);
  const std::string head = "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n";
  const std::string half(1'500'000, 'b');
  RawConnection first(server.port());
  first.send(head + half);  // and waits
  RawConnection second(server.port());
  second.send(head + half);
  const bool second_refused = second.read_to_end().starts_with("HTTP/1.1 503 ");
  CHECK(second_refused);
  RawConnection small(server.port());
  small.send(post("/echo", "body"));
  CHECK(last_line(small.read_answer()) == "POST /echo body");
  first.send(half.substr(0, 400'000));
  RawConnection third(server.port());
  third.send(post("/big", std::string(90'000, 'b')));
  CHECK(third.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("server: connections over TCP do not keep the Unix socket's waiting") {
  const http::Router router = make_router();
  http::ServerLimits limits;
  limits.connections = 2;
  ServerThread server(router, limits);
  RawConnection first(server.port());
  RawConnection second(server.port());
  first.send(get("/who"));
  second.send(get("/who"));
  CHECK(first.read_answer().starts_with("HTTP/1.1 200 "));
  CHECK(second.read_answer().starts_with("HTTP/1.1 200 "));
  RawConnection local(server.unix_path());
  local.send(get("/who"));
  CHECK(local.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("server: a body that ends early is never given to the handler") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  client.end_sending();
  const std::string answer = client.read_to_end();
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  CHECK(has(answer, "ended before it was complete"));
}

TEST_CASE("server: slow clients are cut at header, body and idle limits") {
  const http::Router router = make_router();
  const http::ServerLimits limits{
      .header = milliseconds(100), .body = milliseconds(100), .idle = milliseconds(100)};
  ServerThread server(router, limits);
  RawConnection header(server.port()), body(server.port()), idle(server.port()),
      mute(server.port());
  header.send("GET /echo HTTP/1.1\r\nHo");
  body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhal");
  idle.send(get("/echo"));
  CHECK(header.read_to_end().starts_with("HTTP/1.1 408 "));
  CHECK(body.read_to_end().starts_with("HTTP/1.1 408 "));
  CHECK(last_line(idle.read_to_end()) == "GET /echo ");
  CHECK(mute.read_to_end().empty());
}

TEST_CASE("server: a header sent byte by byte does not extend its limit") {
  const http::Router router = make_router();
  const http::ServerLimits limits{.header = milliseconds(150)};
  ServerThread server(router, limits);
  RawConnection client(server.port());
  const auto begin = std::chrono::steady_clock::now();
  bool open = client.send("GET /echo HTTP/1.1\r\n");
  while (open && std::chrono::steady_clock::now() - begin < std::chrono::seconds(5)) {
    open = client.send("X: y\r\n");
    std::this_thread::sleep_for(milliseconds(10));  // the pace is what is tested
  }
  CHECK_FALSE(open);
}

TEST_CASE(
    "server: a client that takes nothing is cut, and a stream waits for it with flat memory") {
  const http::Router router = make_router();
  const http::ServerLimits limits{.write = milliseconds(200)};
  ServerThread server(router, limits);
  const int before = g_stream_ends;
  RawConnection client(server.port());
  client.shrink_receive_buffer();
  client.send(get("/ever"));
  CHECK(comes_true([&] { return g_stream_ends == before + 1; }));
  CHECK(comes_true([&] { return server.connections() == 0; }));
}

TEST_CASE("server: the producer of a silent stream is ended when the client leaves") {
  const http::Router router = make_router();
  ServerThread server(router);
  const int before = g_stream_ends;
  RawConnection client(server.port());
  client.send(get("/silence"));
  client.read_until("hello");
  client.close();
  CHECK(comes_true([&] { return g_stream_ends == before + 1; }));
}

TEST_CASE("server: a producer that fails leaves the stream without its end mark") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send(get("/failing"));
  const std::string answer = client.read_to_end();
  CHECK(has(answer, "begun"));
  CHECK_FALSE(has(answer, "0\r\n\r\n"));
}

TEST_CASE("server: HTTP/1.0 gets a stream without chunks, ended by the connection") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send("GET /three HTTP/1.0\r\n\r\n");
  const std::string answer = client.read_to_end();
  CHECK_FALSE(has(answer, "Transfer-Encoding"));
  CHECK(last_line(answer) == "one two three");
}

TEST_CASE("server: HEAD has the head of GET and no body") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send("HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n" + get("/who"));
  const std::string head = client.read_until("\r\n\r\n");
  CHECK(has(head, "Content-Length: 11"));
  CHECK(client.read_answer().starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("server: Expect: 100-continue is answered before the body comes") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  CHECK(last_line(client.read_answer()) == "POST /echo body");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n");
  CHECK(client.read_answer().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("server: absolute-form targets are taken, as a proxy's client sends them") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection client(server.port());
  client.send("GET http://api.github.localhost/who?a=1 HTTP/1.1\r\nHost: other\r\n\r\n");
  CHECK(has(last_line(client.read_answer()), "api.github.localhost"));
}

TEST_CASE("server: more connections than allowed wait until one ends") {
  const http::Router router = make_router();
  const http::ServerLimits limits{.connections = 2};
  ServerThread server(router, limits);
  RawConnection first(server.port()), second(server.port()), third(server.port());
  first.send(get("/echo"));
  first.read_answer();
  second.send(get("/echo"));
  second.read_answer();
  third.send(get("/echo"));
  CHECK(server.connections() == 2);
  first.close();
  CHECK(last_line(third.read_answer()) == "GET /echo ");
}

TEST_CASE("server: close answers what runs and ends what waits") {
  const http::Router router = make_router();
  ServerThread server(router);
  RawConnection idle(server.port()), stream(server.port());
  idle.send(get("/echo"));
  idle.read_answer();
  stream.send(get("/silence"));
  stream.read_until("hello");
  const auto begin = std::chrono::steady_clock::now();
  server.close(std::chrono::seconds(20));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(idle.read_to_end().empty());
  CHECK_FALSE(std::filesystem::exists(server.unix_path()));
}

TEST_CASE("server: a Unix socket has its mode; a dead one is replaced, a live one refused") {
  const http::Router router = make_router();
  ServerThread server(router);
  struct stat info {};
  REQUIRE(::stat(server.unix_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
  daemon::async::Runtime runtime;
  http::Server other(runtime.executor(), router);
  const http::Endpoint same{"u", http::ListenUnix{server.unix_path()}};
  CHECK_THROWS_WITH_AS(other.listen(same),
                       ("listening on '" + server.unix_path().string() +
                        "': another process listens there; stop it, or choose another path")
                           .c_str(),
                       core::Exception);
  const core::TempDir folder;
  const auto left_over = folder.path() / "old.sock";
  {
    daemon::async::Runtime dead;
    http::Server gone(dead.executor(), router);
    gone.listen({"u", http::ListenUnix{left_over}});
  }
  REQUIRE(std::filesystem::exists(left_over));
  CHECK_NOTHROW(other.listen({"u2", http::ListenUnix{left_over}}));
  core::write_file_atomic(folder.path() / "file", "precious");
  CHECK_THROWS_AS(other.listen({"u3", http::ListenUnix{folder.path() / "file"}}), core::Exception);
  CHECK(core::read_file(folder.path() / "file") == "precious");
}
