// SPDX-License-Identifier: MIT
#include "storage/log_store.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gantry;
using namespace gantry::storage;
using core::run::LogWriter;

namespace {

constexpr core::JobId kJob{1234};

struct Log {
  core::TempDir dir;
  Layout layout{dir.path()};
  std::string text;  // what the log holds

  Log() { core::fs::create_directories(layout.log_folder(kJob)); }
  LogWriter writer() const { return {layout.log(kJob), layout.log_index(kJob)}; }
  // `count` lines of changing length, in blocks.
  void fill(int count) {
    LogWriter to = writer();
    std::string block;
    for (int i = 0; i < count; ++i) {
      block += "2026-01-02T03:04:05.1234567Z line " + std::to_string(i) +
               std::string(static_cast<std::size_t>(i % 90), 'x') + "\n";
      if (block.size() < 10'000 && i + 1 < count) continue;
      to.append(block, core::run::count_line_ends(block));
      text += block;
      block.clear();
    }
  }
  LogReader reader() const { return *LogReader::open(layout, kJob); }
  std::string line(std::uint64_t number) const { return reader().read_lines(number, 1); }
  void check_everything() const {
    LogReader log = reader();
    const LogSize size = log.size();
    CHECK(size.bytes == text.size());
    CHECK(size.lines == core::run::count_line_ends(text));
    std::string all(text.size() + 1, '\0');
    CHECK(log.read_at(0, all) == text.size());
    all.resize(text.size());
    CHECK((all == text));
    std::uint64_t number = 0;
    for (std::size_t at = 0; at < text.size(); ++number) {
      const std::size_t next = text.find('\n', at) + 1;
      if (number % 997 == 0) {
        CHECK(log.offset_of_line(number) == at);
        CHECK((log.read_lines(number, 1) == text.substr(at, next - at)));
      }
      at = next;
    }
    CHECK(log.offset_of_line(size.lines) == text.size());
    CHECK(log.offset_of_line(size.lines + 9) == text.size());
  }
};

}  // namespace

TEST_CASE("log store: a running log is read at any line") {
  Log log;
  log.fill(30'000);
  CHECK(core::fs::file_size(log.layout.log_index(kJob)) > 10 * core::run::kLogMarkBytes);
  log.check_everything();
  CHECK(log.reader().tail_line(10) == 29'990);
  CHECK(log.reader().tail_line(99'999) == 0);
}

TEST_CASE("log store: a compressed log reads the same") {
  Log log;
  log.fill(30'000);
  LogReader before = log.reader();
  compress_log(log.layout, kJob);
  CHECK_FALSE(core::fs::exists(log.layout.log(kJob)));
  CHECK_FALSE(core::fs::exists(log.layout.log_index(kJob)));
  CHECK(core::fs::file_size(log.layout.log_compressed(kJob)) < log.text.size() / 4);
  log.check_everything();
  CHECK(before.size().bytes == log.text.size());  // opened earlier, still readable
  compress_log(log.layout, kJob);
  log.check_everything();
  remove_log(log.layout, kJob);
  CHECK_FALSE(LogReader::open(log.layout, kJob));
  compress_log(log.layout, kJob);
  CHECK_FALSE(LogReader::open(log.layout, kJob));
}

TEST_CASE("log store: an empty log") {
  Log log;
  log.writer();
  CHECK(log.reader().size() == LogSize{});
  compress_log(log.layout, kJob);
  CHECK(log.reader().size() == LogSize{});
  CHECK(log.reader().offset_of_line(5) == 0);
  CHECK(log.line(0).empty());
}

TEST_CASE("log store: a growing log shows what is there") {
  Log log;
  LogWriter to = log.writer();
  LogReader from = log.reader();
  to.append("one\n", 1);
  CHECK(from.size() == LogSize{.lines = 1, .bytes = 4});
  to.append("two\nthr", 1);
  CHECK(from.size() == LogSize{.lines = 2, .bytes = 11});
  CHECK(from.read_lines(2, 5) == "thr");
  to.append("ee\n", 1);
  CHECK(from.size() == LogSize{.lines = 3, .bytes = 14});
}

TEST_CASE("log store: a missing, torn or too long index costs only a scan") {
  Log log;
  log.fill(20'000);
  const std::string index = core::read_file(log.layout.log_index(kJob));
  const auto with_index = [&](std::string_view bytes) {
    core::write_file_atomic(log.layout.log_index(kJob), bytes);
    log.check_everything();
    log.writer();  // mends
    log.check_everything();
    CHECK(core::fs::file_size(log.layout.log_index(kJob)) % core::run::kLogMarkBytes == 0);
  };
  with_index("");
  with_index(std::string_view(index).substr(0, index.size() - 5));
  with_index(index + std::string(48, '\0'));
  // A mark for text that never reached the disk.
  std::string beyond(16, '\0');
  core::run::put_log_number(50'000, beyond.data());
  core::run::put_log_number(1 << 30, beyond.data() + 8);
  with_index(index + beyond);
  core::fs::remove(log.layout.log_index(kJob));
  log.check_everything();
}

TEST_CASE("log store: a writer that goes on ends the line that a crash tore") {
  Log log;
  log.writer().append("2026 whole\n2026 to", 1);
  LogWriter again = log.writer();
  CHECK(again.lines() == 2);
  again.append("2026 the runner died\n", 1);
  CHECK(log.line(1) == "2026 to\n");
  CHECK(log.line(2) == "2026 the runner died\n");
}

TEST_CASE("log store: bytes are bytes, and a line may be longer than any buffer") {
  Log log;
  LogWriter to = log.writer();
  const std::string odd("a\0\xff\xfe\r b\n", 8);
  to.append(odd, 1);
  const std::string part(1 << 20, 'z');
  constexpr int kParts = 64;
  for (int i = 0; i < kParts; ++i)
    to.append(part, 0);
  to.append("\nlast\n", 2);
  for (int round = 0; round < 2; ++round) {
    LogReader from = log.reader();
    CHECK((from.read_lines(0, 1) == odd));
    CHECK(from.offset_of_line(2) == odd.size() + kParts * part.size() + 1);
    CHECK(from.read_lines(2, 1) == "last\n");
    CHECK(from.read_lines(1, 1, 1000).size() == 1000);
    CHECK(from.size().lines == 3);
    compress_log(log.layout, kJob);
  }
}

TEST_CASE("log store: a damaged compressed log is refused, not misread") {
  Log log;
  log.fill(30'000);
  compress_log(log.layout, kJob);
  const std::string whole = core::read_file(log.layout.log_compressed(kJob));
  const auto refused = [&](const std::string& bytes) {
    core::write_file_atomic(log.layout.log_compressed(kJob), bytes);
    std::string all(log.text.size(), '\0');
    CHECK_THROWS_AS(log.reader().read_at(0, all), core::Exception);
  };
  refused("");
  refused(whole.substr(0, whole.size() - 1));
  std::string flipped = whole;
  flipped[1000] = static_cast<char>(flipped[1000] ^ 0x55);
  refused(flipped);
  std::string many = whole;
  many[many.size() - 10] = '\x7f';  // the number of frames
  refused(many);
}

TEST_CASE("log store: compression killed at any moment leaves the log readable") {
  Log log;
  log.fill(200'000);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      compress_log(log.layout, kJob);
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(round * 2500));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    LogReader from = log.reader();
    CHECK(from.size() == LogSize{.lines = 200'000, .bytes = log.text.size()});
  }
  compress_log(log.layout, kJob);
  log.check_everything();
  CHECK(uncompressed_logs(log.layout).empty());
}

TEST_CASE("log store: logs that wait to be compressed are found") {
  Log log;
  log.fill(3);
  core::write_file_atomic(log.layout.log_folder(kJob) / "note.log", "x");
  CHECK(uncompressed_logs(log.layout) == std::vector<core::JobId>{kJob});
}
