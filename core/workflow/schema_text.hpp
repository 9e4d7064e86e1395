// SPDX-License-Identifier: MIT
// The grammar of workflow files and action manifests in our notation, one definition a line:
//   name [@context …] = type
// type: null boolean number string text (a string that is not empty) any, 'constant', a name,
// in(a b …), [type], {key: type, key!: type (required), *: type (loose, keys are text)}, a | b.
// Groups of contexts start with '$' and are named in schema.cpp.
#pragma once

#include <string_view>

namespace gantry::core::workflow {

extern const std::string_view kWorkflowGrammar;  // jobs and everything around them
extern const std::string_view kTriggerGrammar;   // `on`
extern const std::string_view kActionGrammar;    // action.yml

}  // namespace gantry::core::workflow
