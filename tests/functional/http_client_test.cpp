// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "daemon/http/client.hpp"
#include "daemon/http/tls.hpp"
#include "tests/support/http_fixture.hpp"

#include <cstdlib>

using namespace gantry;
using test::ServerThread;
using test::Task;
namespace http = daemon::http;
using namespace std::chrono_literals;

namespace {

// The request as the server saw it.
Task<http::Response> describe(http::Request& request) {
  std::string text = request.method + ' ' + request.target + ' ' + request.host + '\n';
  for (const auto& [name, value] : request.headers.fields)
    text += name + ": " + value + '\n';
  text += '\n' + request.body;
  co_return http::text_response(200, text);
}
Task<http::Response> hang(http::Request& request) {
  static_cast<void>(request);
  co_await daemon::async::sleep_for(1h);
  co_return http::Response();
}

http::Router describing_router() {
  http::Router router;
  router.add("GET", "/d", describe);
  router.add("POST", "/d", describe);
  router.add("GET", "/hang", hang);
  return router;
}

// One request on a client of its own.
http::ClientResponse send(http::ClientRequest request, http::ClientConfig config = {}) {
  http::ClientResponse response;
  const auto task = [](http::ClientRequest& what, http::ClientConfig& how,
                       http::ClientResponse& into) -> Task<> {
    http::Client client(co_await boost::asio::this_coro::executor, std::move(how));
    into = co_await client.send(std::move(what));
  };
  test::run(task(request, config, response));
  return response;
}

http::ClientRequest get(std::string url) {
  http::ClientRequest request;
  request.url = std::move(url);
  return request;
}

// The text and the carried-out guess of the TransportError that `request` ends in.
std::pair<std::string, http::Carried> failure(http::ClientRequest request,
                                              http::ClientConfig config = {}) {
  try {
    send(std::move(request), std::move(config));
  } catch (const http::TransportError& error) {
    return {error.what(), error.carried()};
  }
  FAIL("no TransportError");
  return {};
}

// Accepts once, runs `talk` on the connection, then closes it.
class OneShotServer {
 public:
  explicit OneShotServer(std::vector<std::string> answers)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_.get(), generic, size) == 0);
    REQUIRE(::listen(listener_.get(), 5) == 0);
    REQUIRE(::getsockname(listener_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        core::UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, 65536> request{};
        const ssize_t got = ::recv(peer.get(), request.data(), request.size(), 0);
        if (got > 0) ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    });
  }
  OneShotServer(const OneShotServer&) = delete;
  OneShotServer& operator=(const OneShotServer&) = delete;
  ~OneShotServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  core::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("client: sends method, target, headers and body over TCP") {
  const http::Router router = describing_router();
  ServerThread server(router);
  http::ClientRequest request = get(server.url("/d?a=b%20c"));
  request.method = "POST";
  request.body = "the body";
  request.headers.add("X-One", "1");
  const http::ClientResponse response = send(std::move(request));
  CHECK(response.status == 200);
  CHECK(response.body.starts_with("POST /d?a=b%20c 127.0.0.1:" + std::to_string(server.port())));
  CHECK(response.body.find("X-One: 1\n") != std::string::npos);
  CHECK(response.body.find("User-Agent: gantry\n") != std::string::npos);
  CHECK(response.body.ends_with("\n\nthe body"));
}

TEST_CASE("client: speaks over a Unix socket, where the server knows the peer") {
  http::Router router;
  router.add("GET", "/peer", [](http::Request& request) -> Task<http::Response> {
    REQUIRE(request.peer.has_value());
    co_return http::text_response(
        200, std::to_string(request.peer->uid) + ' ' + std::to_string(request.peer->pid));
  });
  ServerThread server(router);
  http::ClientRequest request = get("http://gantry/peer");
  request.unix_socket = server.unix_path().string();
  CHECK(send(std::move(request)).body ==
        std::to_string(::getuid()) + ' ' + std::to_string(::getpid()));
}

TEST_CASE("client: ten thousand requests share one connection") {
  const http::Router router = describing_router();
  ServerThread server(router);
  const auto many = [](ServerThread& to) -> Task<> {
    const auto executor = co_await boost::asio::this_coro::executor;
    http::Client client(executor, {});
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10'000; ++i) {
      http::ClientRequest request = get(to.url("/d"));
      const http::ClientResponse response = co_await client.send(std::move(request));
      REQUIRE(response.status == 200);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    MESSAGE("requests a second, one after another: " << static_cast<int>(10'000 / took.count()));
    CHECK(to.connections() == 1);
  };
  test::run(many(server));
}

TEST_CASE("client: follows redirects with the same method and keeps the token from other hosts") {
  const http::Router inner = describing_router();
  ServerThread other(inner);
  http::Router router = describing_router();
  for (const int status : {301, 302, 307}) {
    router.add("POST", "/same/" + std::to_string(status),
               [status](http::Request&) -> Task<http::Response> {
                 co_return http::redirect_response(status, "/d");
               });
    const std::string elsewhere = other.url("/d");
    router.add("POST", "/other/" + std::to_string(status),
               [status, elsewhere](http::Request&) -> Task<http::Response> {
                 co_return http::redirect_response(status, elsewhere);
               });
  }
  router.add("GET", "/loop", [](http::Request&) -> Task<http::Response> {
    co_return http::redirect_response(302, "/loop");
  });
  ServerThread server(router);
  for (const char* status : {"301", "302", "307"}) {
    for (const bool is_same : {true, false}) {
      CAPTURE(status);
      CAPTURE(is_same);
      http::ClientRequest request =
          get(server.url((is_same ? "/same/" : "/other/") + std::string(status)));
      request.method = "POST";
      request.body = "kept";
      request.headers.add("authorization", "Bearer ghs_secret");
      const http::ClientResponse response = send(std::move(request));
      CHECK(response.body.starts_with("POST /d"));
      CHECK(response.body.ends_with("kept"));
      CHECK((response.body.find("ghs_secret") != std::string::npos) == is_same);
    }
  }
  CHECK(send(get(server.url("/loop"))).status == 302);
}

TEST_CASE("client: says what went wrong and whether the request may have been carried out") {
  const http::Router router = describing_router();
  ServerThread server(router);
  std::string closed_url;
  {
    ServerThread gone(router);
    closed_url = gone.url("/d");
  }
  CHECK(failure(get(closed_url)).second == http::Carried::no);
  CHECK(failure(get(closed_url)).first.ends_with("': Connection refused"));
  const auto [text, carried] = failure(get(server.url("/hang")), {.answer_timeout = 50ms});
  CHECK(text == "GET '" + server.url("/hang") + "': no answer within 0.05 s");
  CHECK(carried == http::Carried::maybe);
  CHECK(failure(get("https://127.0.0.1:1/")).first.find("speaks no TLS") != std::string::npos);
  CHECK(failure(get("ftp://a/")).second == http::Carried::no);
  CHECK(failure(get("http://user:pw@a/")).first.find("pw") == std::string::npos);
  CHECK(failure(get("http://a:99999/")).first.find("port") != std::string::npos);
  http::ClientRequest split = get(server.url("/d"));
  split.headers.add("X", "a\r\nY: b");
  CHECK(failure(std::move(split)).first.find("line break") != std::string::npos);
}

TEST_CASE("client: broken answers are errors, never half a body") {
  const std::pair<const char*, const char*> cases[] = {
      {"nothing", ""},
      {"garbage", "hello\r\n\r\n"},
      {"truncated", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"},
      {"truncated chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"},
      {"too large", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"},
  };
  for (const auto& [name, answer] : cases) {
    CAPTURE(name);
    OneShotServer server({answer});
    http::ClientRequest request = get(server.url());
    request.method = "POST";
    CHECK(failure(std::move(request)).second == http::Carried::maybe);
  }
  OneShotServer server({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end"});
  CHECK(send(get(server.url())).body == "to the end");
}

TEST_CASE("client: a stream is read piece by piece and can be left") {
  http::Router router;
  router.add("GET", "/events", [](http::Request&) -> Task<http::Response> {
    http::Response response;
    response.body = http::StreamBody([](http::BodyWriter& out) -> Task<> {
      for (int i = 0;; ++i) {
        const std::string piece = "data: " + std::to_string(i) + "\n\n";
        co_await out.write(piece);
      }
    });
    co_return response;
  });
  ServerThread server(router);
  std::string got;
  const auto read = [](const ServerThread& from, std::string& into) -> Task<> {
    const auto executor = co_await boost::asio::this_coro::executor;
    http::Client client(executor, {});
    http::ClientRequest request = get(from.url("/events"));
    http::Client::OnBody on_body = [&](std::string_view bytes) {
      into += bytes;
      return into.find("data: 9\n\n") == std::string::npos;
    };
    co_await client.stream(std::move(request), nullptr, std::move(on_body), 5s);
  };
  test::run(read(server, got));
  CHECK(got.starts_with("data: 0\n\ndata: 1\n\n"));
}

TEST_CASE("client: TLS is verified against the CA and the host's name") {
  const core::TempDir folder;
  const std::string dir = folder.path().string();
  const std::string make = "cd '" + dir +
                           "' && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out "
                           "cert.pem -days 2 -subj /CN=localhost -addext "
                           "subjectAltName=DNS:localhost >/dev/null 2>&1";
  REQUIRE(std::system(make.c_str()) == 0);
  const core::Pipe ready = core::make_pipe();
  const std::string serve =
      "import http.server,ssl,sys\n"
      "s=http.server.HTTPServer(('127.0.0.1',0),http.server."
      "SimpleHTTPRequestHandler)\n"
      "c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
      "c.load_cert_chain('cert.pem','key.pem')\n"
      "s.socket=c.wrap_socket(s.socket,server_side=True)\n"
      "print(s.server_port,flush=True)\ns.serve_forever()\n";
  core::write_file_atomic(folder.path() / "serve.py", serve);
  const std::string run = "cd '" + dir + "' && exec timeout 60 python3 serve.py 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> server(::popen(run.c_str(), "r"),
                                                     [](FILE*) { return 0; });
  char line[32] = {};
  REQUIRE(::fgets(line, sizeof line, server.get()) != nullptr);
  const std::string port = std::to_string(std::atoi(line));
  const auto tls = http::make_tls_connector(folder.path() / "cert.pem");
  CHECK(send(get("https://localhost:" + port + "/cert.pem"), {.tls = tls.get()}).status == 200);
  CHECK(failure(get("https://127.0.0.1:" + port + "/"), {.tls = tls.get()})
            .first.find("certificate") != std::string::npos);
  const auto strangers = http::make_tls_connector();
  CHECK(failure(get("https://localhost:" + port + "/"), {.tls = strangers.get()}).second ==
        http::Carried::no);
}
