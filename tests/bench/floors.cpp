// SPDX-License-Identifier: MIT
// The floors: what this machine can do at most, measured beside Gantry. Each prints one JSON line.
//   spawn COUNT PARALLEL PROGRAM ARG...  processes started and reaped
//   pipe MEGABYTES FILE PRINTER SCRIPT   `PRINTER print SCRIPT` through a pipe into FILE
//   commit COUNT FOLDER                  rows of 25 kB, each a durable transaction of its own
#include "storage/sqlite.hpp"
#include "storage/statement.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* doing) {
  std::perror(doing);
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double quantile(std::vector<double>& values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

pid_t start(char** argv, const posix_spawn_file_actions_t* actions) {
  pid_t pid = 0;
  if (::posix_spawnp(&pid, argv[0], actions, nullptr, argv, environ) != 0) die("spawning");
  return pid;
}

int spawn(long count, std::size_t parallel, char** argv) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  std::map<pid_t, Clock::time_point> running;
  std::vector<double> times;
  const auto begin = Clock::now();
  for (long started = 0; started < count || !running.empty();) {
    if (started < count && running.size() < parallel) {
      const auto now = Clock::now();
      running[start(argv, &actions)] = now;
      ++started;
      continue;
    }
    int status = 0;
    const pid_t pid = ::wait(&status);
    if (pid < 0 || status != 0) die("a spawned process failed");
    times.push_back(seconds_since(running.at(pid)) * 1e3);
    running.erase(pid);
  }
  const double all = seconds_since(begin);
  std::printf("{\"per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              static_cast<double>(count) / all, quantile(times, 0.5), quantile(times, 0.99));
  return 0;
}

int pipe(double megabytes, const char* file, char* printer, char* script) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) die("pipe");
  (void)::fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
  const int out = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) die(file);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  char word[] = "print";
  char* argv[] = {printer, word, script, nullptr};
  const pid_t pid = start(argv, &actions);
  ::close(ends[1]);
  std::vector<char> buffer(1 << 20);
  Clock::time_point begin;
  for (bool first = true;; first = false) {
    const ssize_t n = ::read(ends[0], buffer.data(), buffer.size());
    if (n < 0) die("read");
    if (first) begin = Clock::now();  // the printer's start is not the pipe's business
    if (n == 0) break;
    if (::write(out, buffer.data(), static_cast<std::size_t>(n)) != n) die("write");
  }
  const double all = seconds_since(begin);
  ::waitpid(pid, nullptr, 0);
  std::filesystem::remove(file);
  std::printf("{\"mb_per_s\": %.1f}\n", megabytes / all);
  return 0;
}

int commit(long count, const std::filesystem::path& folder) {
  const auto file = folder / "floor.db";
  std::vector<double> times;
  const std::string payload(25'000, 'x');
  {
    gantry::storage::Database database(file);
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, guid TEXT UNIQUE, body BLOB) STRICT");
    for (long i = 0; i < count; ++i) {
      const auto begin = Clock::now();
      gantry::storage::Transaction transaction(database);
      database.prepare("INSERT INTO t (guid, body) VALUES (?1, ?2)")
          .bind(std::to_string(i), gantry::storage::Blob{payload})
          .run();
      transaction.commit();
      times.push_back(seconds_since(begin) * 1e3);
    }
  }
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(file.string() + suffix);
  double all = 0;
  for (const double time : times)
    all += time;
  std::printf("{\"per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              static_cast<double>(count) * 1e3 / all, quantile(times, 0.5), quantile(times, 0.99));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string which = argc > 1 ? argv[1] : "";
  if (which == "spawn" && argc > 4) {
    return spawn(std::atol(argv[2]), std::strtoul(argv[3], nullptr, 10), argv + 4);
  }
  if (which == "pipe" && argc == 6) return pipe(std::atof(argv[2]), argv[3], argv[4], argv[5]);
  if (which == "commit" && argc == 4) return commit(std::atol(argv[2]), argv[3]);
  std::fputs("usage: bench_floors spawn|pipe|commit ..., see the source\n", stderr);
  return 2;
}
