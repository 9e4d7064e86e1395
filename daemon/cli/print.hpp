// SPDX-License-Identifier: MIT
// What the CLI prints: tables, marks, times. Colours only on a terminal without NO_COLOR.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::cli {

enum class Colour { none, red, green, yellow, blue, grey, bold };

bool stdout_is_terminal();
std::string paint(Colour colour, std::string_view text);

// ✓ X - * with the colour of the state; "status" and "conclusion" as GitHub spells them.
std::string mark(std::string_view status, std::string_view conclusion);

// Text of a member, "" when absent or null.
std::string text(const nlohmann::json& object, std::string_view key);

// The same for names, titles and reasons, which a repository chooses: on one line, what could steer
// a terminal or forge a line made visible, to a terminal or not.
std::string name_text(const nlohmann::json& object, std::string_view key);

// "12s", "3m4s", "1h2m" between two RFC 3339 times; until now when `to` is empty; "" without
// `from`.
std::string duration(const std::string& from, const std::string& to);
// "3 minutes ago"
std::string age(const std::string& time);

// Columns as wide as their longest cell; the last one is not padded. On a terminal the table's
// cells have colours already: width counts what is seen.
void print_table(const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows);

// Bytes of a job's log that could steer the terminal become visible text; colours and line ends
// stay.
std::string for_terminal(std::string_view line);
std::string without_control(std::string_view text);  // for_terminal() on a terminal

}  // namespace gantry::daemon::cli
