// SPDX-License-Identifier: MIT
#include "core/workflow/schema_text.hpp"

namespace gantry::core::workflow {

const std::string_view kActionGrammar = R"(
any = null | boolean | number | string | [any] | {**: any}

# What the runner takes; `action-strict` is what the documentation asks for.
action = {name: string, description: string, inputs: inputs, outputs: outputs, runs: runs, *: any}
inputs = {*: input}
input = {default: input-default, *: any}
input-default @github @strategy @matrix @job @runner @hashFiles = string
outputs = {*: output}
output = {description: string, value: output-value}
output-value @github @strategy @matrix @steps @inputs @job @runner @env = string

runs = container-runs | node-runs | composite-runs | plugin-runs
plugin-runs = {plugin: text}
container-runs = {using: text, image: text, entrypoint: text, args: container-args,
    env: container-env, pre-entrypoint: text, pre-if: text, post-entrypoint: text, post-if: text}
node-runs = {using: text, main: text, pre: text, pre-if: text, post: text, post-if: text}
composite-runs = {using: text, steps: steps}
container-args = [container-arg]
container-arg @inputs = string
container-env @inputs = {*: string}

steps = [step]
step = run-step | uses-step
run-step = {name: step-string, id: text, if: step-if, run!: step-string, shell!: step-string,
    env: step-map, continue-on-error: step-boolean, working-directory: step-string}
uses-step = {name: step-string, id: text, if: step-if, uses!: text, with: step-map, env: step-map,
    continue-on-error: step-boolean}
step-string @github @inputs @strategy @matrix @steps @job @runner @env @hashFiles = string
step-boolean @github @inputs @strategy @matrix @steps @job @runner @env @hashFiles = boolean
step-map @github @inputs @strategy @matrix @steps @job @runner @env @hashFiles = {*: string}
step-if @github @inputs @strategy @matrix @steps @job @runner @env @stepStatus @hashFiles = string

action-strict = {name!: text, description!: string, author: string, inputs: inputs-strict,
    outputs: outputs, runs!: runs-strict, branding: branding}
inputs-strict = {*: input-strict}
input-strict = {description: string, required: boolean, default: input-default,
    deprecationMessage: string, *: any}
branding = {icon: text, color: in(white yellow blue green orange red purple gray-dark)}
using = in(docker node12 node16 node20 node24 composite)
runs-if @github @inputs @strategy @matrix @job @runner @env @stepStatus @hashFiles = string
runs-strict = container-runs-strict | node-runs-strict | composite-runs-strict
container-runs-strict = {using!: using, image!: text, entrypoint: text, args: container-args,
    env: container-env, pre-entrypoint: text, pre-if: runs-if, post-entrypoint: text,
    post-if: runs-if}
node-runs-strict = {using!: using, main!: text, pre: text, pre-if: runs-if, post: text,
    post-if: runs-if}
composite-runs-strict = {using!: using, steps!: steps}
)";

}  // namespace gantry::core::workflow
