// SPDX-License-Identifier: MIT
#include "core/workflow/schema_text.hpp"

namespace gantry::core::workflow {

const std::string_view kWorkflowGrammar = R"(
any = null | boolean | number | string | [any] | {**: any}
texts = text | [text]
string-map = {*: string}

# `workflow` takes any event, as GitHub's server does for a called workflow; `workflow-strict` is
# what people are told.
workflow = {on: on, name: string, description: string, run-name: run-name,
    defaults: workflow-defaults, env: workflow-env, permissions: permissions,
    concurrency: workflow-concurrency, jobs!: jobs}
workflow-strict = {on!: on-strict, name: string, description: string, run-name: run-name,
    defaults: workflow-defaults, env: workflow-env, permissions: permissions,
    concurrency: workflow-concurrency, jobs!: jobs}

run-name @$run = string
workflow-env @$run @secrets = string-map
workflow-defaults = {run: run-defaults}
workflow-concurrency @$run = string | concurrency
run-defaults = {shell: text, working-directory: text}
concurrency = {group!: text, cancel-in-progress: boolean, queue: in(single max)}

permissions = {
    actions: level, artifact-metadata: level, attestations: level, checks: level,
    code-quality: level, contents: level, copilot-requests: level-write, deployments: level,
    discussions: level, drives: level, id-token: level-write, issues: level, models: level-read,
    packages: level, pages: level, pull-requests: level, repository-projects: level,
    security-events: level, statuses: level, vulnerability-alerts: level-read}
    | 'read-all' | 'write-all'
level = 'read' | 'write' | 'none'
level-read = 'read' | 'none'
level-write = 'write' | 'none'

jobs = {*: job}
job = ordinary-job | calling-job
ordinary-job = {needs: needs, if: job-if, strategy: strategy, name: job-string,
    runs-on!: runs-on, timeout-minutes: job-number, cancel-timeout-minutes: job-number,
    continue-on-error: job-boolean, container: container, services: services, env: job-env,
    environment: environment, permissions: permissions, concurrency: job-concurrency,
    outputs: outputs, defaults: job-defaults, steps: steps, snapshot: snapshot}
calling-job = {name: job-string, uses!: text, with: call-inputs, secrets: call-secrets,
    needs: needs, if: job-if, permissions: permissions, concurrency: job-concurrency,
    strategy: strategy}
needs = [text] | text
job-if @$run @needs @jobStatus = string
job-string @$matrix = string
job-number @$matrix = number
job-boolean @$matrix = boolean
job-concurrency @$matrix = text | concurrency
job-env @$matrix @secrets = string-map
job-defaults = {run: job-run-defaults}
job-run-defaults @$matrix @env = run-defaults
outputs = {*: runner-string}
runner-string @$runner = string
strategy @$run @needs = {fail-fast: boolean, max-parallel: number, matrix: matrix}
matrix = {include: [matrix-item], exclude: [matrix-item], *: [any]}
matrix-item = {*: any}
runs-on @$matrix = text | [text] | {group: text, labels: texts}
environment @$matrix = string | {name!: string, url: environment-url, deployment: boolean}
environment-url @$matrix @steps @job @runner @env = string
snapshot = text | {image-name!: text, if: snapshot-if, version: text}
snapshot-if @$matrix = string
call-inputs @$matrix = {*: scalar}
call-secrets = {*: call-secret} | 'inherit'
call-secret @$matrix @secrets = scalar
scalar = string | boolean | number

container @$matrix = string | container-mapping
container-mapping = {image: text, options: string, env: container-env, ports: [text],
    volumes: [text], credentials: credentials}
services @$matrix = {*: service}
service @$matrix = text | service-mapping
service-mapping = {image: text, options: string, env: container-env, ports: [text],
    volumes: [text], credentials: credentials, entrypoint: string, command: string}
container-env = {*: runner-string}
credentials @$run @secrets @env = {username: text, password: text}

steps = [step]
step = run-step | action-step | wait-step | wait-all-step | cancel-step | parallel-step
run-step = {name: step-string, id: text, if: step-if, timeout-minutes: step-number,
    run!: step-string, continue-on-error: step-boolean, env: step-map,
    working-directory: step-string, shell: text, background: boolean}
action-step = {name: step-string, id: text, if: step-if, continue-on-error: step-boolean,
    timeout-minutes: step-number, uses!: text, with: step-map, env: step-map, background: boolean}
wait-step = {name: step-string, id: text, continue-on-error: step-boolean, wait!: texts}
wait-all-step = {name: step-string, id: text, continue-on-error: step-boolean,
    wait-all!: null | boolean}
cancel-step = {name: step-string, id: text, continue-on-error: step-boolean, cancel!: text}
parallel-step = {parallel!: steps}
step-if @$matrix @steps @job @runner @env @stepStatus @hashFiles = string
step-string @$runner @hashFiles = string
step-number @$runner @hashFiles = number
step-boolean @$runner @hashFiles = boolean
step-map @$runner @hashFiles = string-map

# Values given to a called workflow, by the type of its input.
input-boolean @$run @needs = boolean
input-number @$run @needs = number
input-string @$run @needs = string
)";

}  // namespace gantry::core::workflow
