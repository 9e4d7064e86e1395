// SPDX-License-Identifier: MIT
// Sends signed webhooks to gantryd on loopback, one after the other on each connection:
//   bench_hooks PORT SECRET EVENT BODY_FILE COUNT CONNECTIONS
// Prints one JSON line: answers a second, and the time from the send to the 202.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* doing) {
  std::perror(doing);
  std::exit(1);
}

std::string signature(const std::string& secret, const std::string& body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &length);
  std::string text = "sha256=";
  for (unsigned int i = 0; i < length; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", digest[i]);
    text += hex;
  }
  return text;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connecting");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) die("sending");
    sent += static_cast<std::size_t>(n);
  }
}

// The answers are small JSON objects without '}' inside strings.
std::string receive_answer(int fd) {
  std::string answer;
  char bytes[4096];
  while (answer.find("\r\n\r\n") == std::string::npos || !answer.ends_with('}')) {
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) die("receiving");
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  return answer;
}

struct Load {
  std::uint16_t port = 0;
  std::string head;  // up to the delivery's id
  std::string tail;  // from there on
};

void send_share(const Load& load, std::string prefix, long count, std::vector<double>& times) {
  const int fd = connect_to(load.port);
  for (long i = 0; i < count; ++i) {
    const std::string request = load.head + prefix + std::to_string(i) + load.tail;
    const auto begin = Clock::now();
    send_all(fd, request);
    const std::string answer = receive_answer(fd);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (answer.find(" 202 ") == std::string::npos) {
      std::fprintf(stderr, "bench_hooks: %s\n", answer.c_str());
      std::exit(1);
    }
  }
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: bench_hooks PORT SECRET EVENT BODY_FILE COUNT CONNECTIONS\n", stderr);
    return 2;
  }
  std::ifstream file(argv[4], std::ios::binary);
  const std::string body((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const long count = std::atol(argv[5]);
  const long connections = std::atol(argv[6]);
  Load load;
  load.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  load.head = std::string("POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\n") +
              "Content-Type: application/json\r\nX-GitHub-Event: " + argv[3] +
              "\r\nX-Hub-Signature-256: " + signature(argv[2], body) +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nX-GitHub-Delivery: ";
  load.tail = "\r\n\r\n" + body;
  const std::string unique = std::to_string(Clock::now().time_since_epoch().count());
  std::vector<std::vector<double>> times(static_cast<std::size_t>(connections));
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < times.size(); ++i) {
    threads.emplace_back([&, i] {
      send_share(load, unique + "-" + std::to_string(i) + "-", count / connections, times[i]);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  const double all = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> sorted;
  for (const auto& share : times)
    sorted.insert(sorted.end(), share.begin(), share.end());
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  };
  std::printf("{\"per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              static_cast<double>(sorted.size()) / all, at(0.5), at(0.99));
  return 0;
}
