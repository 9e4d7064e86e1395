// SPDX-License-Identifier: MIT
// Where the operator's log goes in a program: stderr by spdlog, one line a message. Under systemd
// with the journal's priority prefix and without a time, which the journal adds.
#pragma once

#include <string_view>

namespace gantry::daemon::os {

// `level`: error, warn, info or debug (the config knows no other word).
void install_log_sink(std::string_view level);
void change_log_level(std::string_view level);

}  // namespace gantry::daemon::os
