// SPDX-License-Identifier: MIT
// Is a text fit to be read as YAML: size, valid UTF-8, no control characters. Only for node.cpp.
#pragma once

#include "core/yaml/node.hpp"

namespace gantry::core::yaml {

// The first thing wrong, with its position; nullopt when the text is fine.
std::optional<Diagnostic> check_text(std::string_view text, const Limits& limits);

}  // namespace gantry::core::yaml
