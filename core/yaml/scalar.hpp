// SPDX-License-Identifier: MIT
// The type of a YAML scalar by the 1.2 core schema. Only for node.cpp and its tests.
#pragma once

#include "core/yaml/node.hpp"

namespace gantry::core::yaml {

// Sets kind, boolean and number of `node` from its text, tag and style. Returns what is wrong, or
// "".
std::string resolve_scalar(Node& node);

}  // namespace gantry::core::yaml
