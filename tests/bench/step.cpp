// SPDX-License-Identifier: MIT
// What a measured step runs, as its shell: `bench_step stamp FILE` or `bench_step print FILE`.
// First thing it takes the time and prints it: nanoseconds of CLOCK_MONOTONIC and CLOCK_REALTIME.
// print: then as many megabytes, of lines of 100 bytes, as the first line of FILE says.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr int kLineBytes = 100;
constexpr int kLinesPerWrite = 655;  // just under 64 KiB, what stdio or a pipe takes at once

long long now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

bool write_all(const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes, count);
    if (n <= 0) return false;
    bytes += n;
    count -= static_cast<size_t>(n);
  }
  return true;
}

int print(const char* file) {
  std::FILE* script = std::fopen(file, "re");
  long megabytes = 0;
  if (script == nullptr || std::fscanf(script, "%ld", &megabytes) != 1) return 2;
  static char block[kLineBytes * kLinesPerWrite];
  std::memset(block, 'x', sizeof block);
  for (int i = 0; i < kLinesPerWrite; ++i) {
    std::memcpy(block + i * kLineBytes, "[ 42%] Building CXX object", 26);
    block[(i + 1) * kLineBytes - 1] = '\n';
  }
  for (long lines = megabytes * 1'000'000 / kLineBytes; lines > 0; lines -= kLinesPerWrite) {
    const long count = lines < kLinesPerWrite ? lines : kLinesPerWrite;
    if (!write_all(block, static_cast<size_t>(count * kLineBytes))) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const long long monotonic = now(CLOCK_MONOTONIC);
  const long long real = now(CLOCK_REALTIME);
  char line[64];
  const int length = std::snprintf(line, sizeof line, "stamp %lld %lld\n", monotonic, real);
  if (!write_all(line, static_cast<size_t>(length)) || argc < 3) return 2;
  return std::strcmp(argv[1], "print") == 0 ? print(argv[2]) : 0;
}
