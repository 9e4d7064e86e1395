// SPDX-License-Identifier: MIT
// Uploading and downloading a blob as the official clients do, beside the floor: the file copied,
// then hashed. The runner's services answer on loopback; gantryd, which sees no bytes, is played.
//   blobs MEGABYTES FOLDER     one JSON line
#include "daemon/async/offload.hpp"
#include "daemon/runner/services/services.hpp"

#include <arpa/inet.h>
#include <boost/asio.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gantry;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t kBlock = 8 << 20;  // @actions/artifact's
constexpr unsigned kClients = 5;

[[noreturn]] void die(const char* doing) {
  std::perror(doing);
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void make_file(const fs::path& path, std::size_t megabytes) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) die("making the file");
  std::vector<std::uint64_t> piece((1 << 20) / 8);
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < megabytes; ++i) {
    for (std::uint64_t& word : piece)
      word = state = state * 6364136223846793005U + 1442695040888963407U;
    if (std::fwrite(piece.data(), 1, 1 << 20, file) != 1 << 20) die("making the file");
  }
  std::fclose(file);
}

// read() and write(), synced; then read() and SHA-256 by OpenSSL.
double copy_and_hash(const fs::path& from, const fs::path& to) {
  std::vector<char> piece(1 << 20);
  const auto start = Clock::now();
  const core::UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const core::UniqueFd out(::open(to.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  for (ssize_t n = 0; (n = ::read(in.get(), piece.data(), piece.size())) > 0;) {
    if (::write(out.get(), piece.data(), static_cast<std::size_t>(n)) != n) die("copying");
  }
  if (::fdatasync(out.get()) != 0 || ::lseek(out.get(), 0, SEEK_SET) != 0) die("copying");
  EVP_MD_CTX* const hash = ::EVP_MD_CTX_new();
  ::EVP_DigestInit_ex(hash, ::EVP_sha256(), nullptr);
  for (ssize_t n = 0; (n = ::read(out.get(), piece.data(), piece.size())) > 0;)
    ::EVP_DigestUpdate(hash, piece.data(), static_cast<std::size_t>(n));
  unsigned char digest[EVP_MAX_MD_SIZE];
  ::EVP_DigestFinal_ex(hash, digest, nullptr);
  ::EVP_MD_CTX_free(hash);
  const double seconds = seconds_since(start);
  ::unlink(to.c_str());
  return seconds;
}

// A connection that sends a head and a body, or gives the body of an answer away.
class Connection {
 public:
  explicit Connection(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      die("connecting");
    }
  }
  std::string ask(const std::string& head, std::string_view body, std::uint64_t* body_size = {}) {
    send(head);
    send(body);
    std::string answer;
    std::vector<char> piece(1 << 20);
    std::size_t end = std::string::npos;
    std::uint64_t length = 0, got = 0;
    while (end == std::string::npos || got < length) {
      const ssize_t n = ::recv(fd_.get(), piece.data(), piece.size(), 0);
      if (n <= 0) die("receiving");
      if (end != std::string::npos) {
        got += static_cast<std::uint64_t>(n);
        if (body_size == nullptr) answer.append(piece.data(), static_cast<std::size_t>(n));
        continue;
      }
      answer.append(piece.data(), static_cast<std::size_t>(n));
      end = answer.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::size_t at = answer.find("Content-Length: ");
      if (at < end) length = std::stoull(answer.substr(at + 16));
      got = answer.size() - end - 4;
    }
    if (body_size != nullptr) *body_size = got;
    return answer;
  }

 private:
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) die("sending");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  core::UniqueFd fd_;
};

std::string head_of(const std::string& method, const std::string& target, std::size_t length,
                    const std::string& more = "") {
  return method + ' ' + target +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(length) + "\r\n" + more +
         "\r\n";
}

// The part of an answer between two texts.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) {
    std::fprintf(stderr, "unexpected answer: %s\n", text.c_str());
    std::exit(1);
  }
  return text.substr(begin + from.size(), text.find(to, begin + from.size()) - begin - from.size());
}

std::string block_id(std::size_t index) {
  char id[64];
  std::snprintf(id, sizeof id, "4760ff26-5984-4806-b16b-5b236199c274%012zu", index);
  return proto::base64url(id);
}

void put_blocks(int port, const std::string& target, const fs::path& file, std::size_t blocks) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> clients;
  for (unsigned i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      Connection connection(port);
      const core::UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
      std::string block(kBlock, '\0');
      for (std::size_t at = next++; at < blocks; at = next++) {
        const ssize_t n = ::pread(in.get(), block.data(), kBlock, static_cast<off_t>(at * kBlock));
        if (n != static_cast<ssize_t>(kBlock)) die("reading the file");
        const std::string answer = connection.ask(
            head_of("PUT", target + "&comp=block&blockid=" + block_id(at), kBlock), block);
        if (!answer.starts_with("HTTP/1.1 201")) die("a block was refused");
      }
    });
  }
  for (std::thread& client : clients)
    client.join();
  std::string list = "<BlockList>";
  for (std::size_t i = 0; i < blocks; ++i)
    list += "<Latest>" + block_id(i) + "</Latest>";
  list += "</BlockList>";
  Connection(port).ask(head_of("PUT", target + "&comp=blocklist", list.size()), list);
}

struct Times {
  double upload = 0, download = 0;
};

// Of the official clients' calls, on the services that listen at `port`.
Times transfer(int port, const std::string& token, const fs::path& file) {
  const std::string bearer = "Authorization: Bearer " + token + "\r\n";
  const std::string service = "/twirp/github.actions.results.api.v1.ArtifactService/";
  const auto ask = [&](const std::string& method, const std::string& body) {
    return Connection(port).ask(head_of("POST", service + method, body.size(), bearer), body);
  };
  const auto size = static_cast<std::size_t>(fs::file_size(file));
  const std::string name =
      R"("workflow_run_backend_id":"1","workflow_job_run_backend_id":"2","name":"a")";
  Times times;
  const auto start = Clock::now();
  const std::string created = ask("CreateArtifact", "{" + name + "}");
  const std::string target = between(created, ":" + std::to_string(port), "\"");
  put_blocks(port, target, file, size / kBlock);
  const std::string done =
      ask("FinalizeArtifact", "{" + name + R"(,"size":")" + std::to_string(size) + "\"}");
  between(done, "\"ok\":true", "}");
  times.upload = seconds_since(start);
  const std::string signed_url = ask("GetSignedArtifactURL", "{" + name + "}");
  const auto down = Clock::now();
  std::uint64_t got = 0;
  Connection(port).ask(head_of("GET", between(signed_url, ":" + std::to_string(port), "\""), 0), "",
                       &got);
  if (got != size) die("the download is short");
  times.download = seconds_since(down);
  return times;
}

long peak_kib() {
  std::FILE* const status = std::fopen("/proc/self/status", "r");
  char line[256];
  long kib = 0;
  while (std::fgets(line, sizeof line, status) != nullptr)
    std::sscanf(line, "VmHWM: %ld", &kib);
  std::fclose(status);
  return kib;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto megabytes = static_cast<std::size_t>(std::atol(argv[1])) / 8 * 8;
  const fs::path folder = fs::path(argv[2]);
  fs::create_directories(folder);
  make_file(folder / "file", megabytes);
  daemon::async::Runtime runtime(1);
  daemon::runner::ServicesConfig config;
  config.uploads = folder / "uploads";
  config.ids = {"1", "2"};
  const fs::path blob = folder / "blob";
  const auto gantryd = [&](proto::ServiceCall call) -> daemon::async::Task<proto::ServiceAnswer> {
    proto::ServiceAnswer answer;
    answer.body = R"({"ok":true})";
    if (call.method.ends_with("CreateArtifact")) answer.url_member = "signed_upload_url";
    if (call.blob) fs::rename(config.uploads / call.blob->file, blob);
    if (call.method.ends_with("URL")) {
      answer.url_member = "signed_url";
      answer.download = blob.string();
      answer.content_type = "application/zip";
    }
    co_return answer;
  };
  daemon::runner::Services services(runtime, gantryd, config);
  core::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), generic, length) != 0 || ::listen(listener.get(), 64) != 0 ||
      ::getsockname(listener.get(), generic, &length) != 0) {
    die("listening");
  }
  services.start(std::move(listener));
  const std::string token = services.secrets().front();
  std::thread loop([&] { runtime.run(); });
  const double floor = copy_and_hash(folder / "file", folder / "copy");
  const Times times = transfer(ntohs(address.sin_port), token, folder / "file");
  const double floor_again = copy_and_hash(folder / "file", folder / "copy");
  runtime.stop();
  loop.join();
  const double least = std::min(floor, floor_again);
  std::printf(
      "{\"megabytes\": %zu, \"floor_s\": %.3f, \"floor_again_s\": %.3f, \"upload_s\": %.3f, "
      "\"download_s\": %.3f, \"upload_ratio\": %.2f, \"download_ratio\": %.2f, "
      "\"peak_mib\": %ld}\n",
      megabytes, floor, floor_again, times.upload, times.download, times.upload / least,
      times.download / least, peak_kib() >> 10);
  fs::remove_all(folder);
  return 0;
}
