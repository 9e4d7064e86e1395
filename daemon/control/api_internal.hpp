// SPDX-License-Identifier: MIT
// Shared by the .cpp files of the API.
#pragma once

#include "daemon/http/message.hpp"
#include "storage/page.hpp"
#include "storage/repos.hpp"
#include "storage/runs.hpp"

#include <nlohmann/json_fwd.hpp>

#include <charconv>
#include <cstdint>
#include <string_view>

namespace gantry::daemon::control {

// A positive number of the path; anything else is not found.
std::int64_t number_of(std::string_view text, std::string_view what);

// The body as an object, {} when empty. Throws Errc::invalid.
nlohmann::json body_of(const http::Request& request);

bool same_bytes(std::string_view a, std::string_view b);  // in a time that tells nothing

// api_github.cpp
storage::Page page_of(const http::Request& request);
void check_owner(const storage::Run& run, const storage::Repository& repo);  // Errc::not_found

// docs/openapi.yaml, embedded at build time.
std::string_view openapi_document();

}  // namespace gantry::daemon::control
