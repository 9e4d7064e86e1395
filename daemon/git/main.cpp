// SPDX-License-Identifier: MIT
// gantry-git: answers requests about one mirror, read line by line from stdin, until stdin closes.
#include "core/base/files.hpp"
#include "daemon/git/mirror_internal.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>

namespace {

using namespace gantry;
using namespace gantry::daemon;

constexpr std::chrono::seconds kStallLimit{60};
constexpr rlim_t kMemoryLimit = rlim_t{6} << 30;

// Lines of stdin, without the newline; nothing at its end.
class Lines {
 public:
  std::optional<std::string> next() {
    for (;;) {
      if (const std::size_t end = buffer_.find('\n', searched_); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        return line;
      }
      searched_ = buffer_.size();
      if (buffer_.size() > git::kMaxLineBytes) {
        throw core::Exception(core::Errc::too_large, "reading a request: the line is too long");
      }
      char chunk[65536];
      const ssize_t got = ::read(STDIN_FILENO, chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) core::throw_errno("reading a request");
      if (got == 0) return std::nullopt;
      buffer_.append(chunk, static_cast<std::size_t>(got));
    }
  }

 private:
  std::string buffer_;
  std::size_t searched_ = 0;
};

std::string answer_to(git::Mirror& mirror, const std::string& line) {
  try {
    const git::Request request = git::decode_request(line);
    return git::encode(std::visit(
        [&](const auto& asked) { return git::Answer(git::run(mirror, asked)); }, request));
  } catch (const core::Exception& error) {
    return git::encode(error.error());
  } catch (const std::bad_alloc&) {
    return git::encode(core::Error{core::Errc::too_large,
                                   "working on a repository: more memory is needed than allowed"});
  } catch (const std::exception& error) {
    return git::encode(core::Error{core::Errc::io, error.what()});
  }
}

// A small pack can unfold to any size; better an error here than the machine out of memory.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit limit{kMemoryLimit, kMemoryLimit};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) core::throw_errno("limiting memory");
#endif
  const rlimit no_core{0, 0};  // tokens must not land in a core file
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) core::throw_errno("switching core files off");
}

void serve(const char* mirror_path) {
  limit_memory();
  ::signal(SIGPIPE, SIG_IGN);
  git::initialise_libgit2();
  git::Watchdog watchdog(kStallLimit, [](const core::Error& error) {
    const std::string line = git::encode(error);
    // The other threads are stuck in the network: nothing can be unwound. The next process
    // clears what the fetch left.
    const bool is_told = ::write(STDOUT_FILENO, line.data(), line.size()) >= 0;
    ::_exit(is_told ? 0 : 1);
  });
  git::Mirror mirror(mirror_path, watchdog);
  Lines lines;
  while (const auto line = lines.next()) {
    core::write_all(STDOUT_FILENO, answer_to(mirror, *line));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || std::strcmp(argv[1], "serve") != 0 || std::strcmp(argv[2], "--mirror") != 0) {
    std::fputs("usage: gantry-git serve --mirror FOLDER\n", stderr);
    return 2;
  }
  try {
    serve(argv[3]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gantry-git: %s\n", error.what());
    return 1;
  }
}
