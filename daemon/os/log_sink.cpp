// SPDX-License-Identifier: MIT
#include "daemon/os/log_sink.hpp"

#include "core/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace gantry::daemon::os {
namespace {

namespace log = core::log;

spdlog::logger& logger() {
  static spdlog::logger made("gantry", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return made;
}

spdlog::level::level_enum level_of(log::Level level) {
  switch (level) {
    case log::Level::debug:
      return spdlog::level::debug;
    case log::Level::info:
      return spdlog::level::info;
    case log::Level::warn:
      return spdlog::level::warn;
    case log::Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void to_terminal(log::Level level, std::string_view text) {
  logger().log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
}

// sd-daemon(3): "<N>" in front of a line is its priority.
void to_journal(log::Level level, std::string_view text) {
  const char* priority = level == log::Level::error   ? "<3>"
                         : level == log::Level::warn  ? "<4>"
                         : level == log::Level::debug ? "<7>"
                                                      : "<6>";
  std::string line(priority);
  line += text;
  logger().log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

log::Level parse(std::string_view level) {
  if (level == "debug") return log::Level::debug;
  if (level == "warn") return log::Level::warn;
  if (level == "error") return log::Level::error;
  return log::Level::info;
}

}  // namespace

void install_log_sink(std::string_view level) {
  const bool in_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  logger().set_level(spdlog::level::debug);
  logger().set_pattern(in_journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %-5l %v");
  logger().flush_on(spdlog::level::debug);
  log::set_sink(in_journal ? to_journal : to_terminal, parse(level));
}

void change_log_level(std::string_view level) {
  log::set_level(parse(level));
}

}  // namespace gantry::daemon::os
