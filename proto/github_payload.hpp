// SPDX-License-Identifier: MIT
// Part of the webhook reader: lenient access to payload members, and what makes a name, a commit id
// or a ref acceptable, because these become paths, refs and URLs. read_trigger() turns the payload
// of an event that can start workflows into a core event.
#pragma once

#include "proto/github_events.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace gantry::proto {

std::string text_of(const core::expr::Value& value);     // "" unless a string
std::int64_t number_of(const core::expr::Value& value);  // 0 unless a number
bool flag_of(const core::expr::Value& value);            // false unless true

bool is_full_name(std::string_view name);  // owner/name
bool is_sha(std::string_view sha);
bool is_ref_name(std::string_view name);

tl::unexpected<core::Error> refuse(const ParsedDelivery& delivery, std::string_view why);

using Trigger = std::variant<Ignored, core::workflow::Event>;
core::Result<Trigger> read_trigger(const ParsedDelivery& delivery,
                                   const core::expr::Value& payload);

}  // namespace gantry::proto
