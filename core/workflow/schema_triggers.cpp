// SPDX-License-Identifier: MIT
#include "core/workflow/schema_text.hpp"

namespace gantry::core::workflow {

const std::string_view kTriggerGrammar = R"(
on = string | [any] | {workflow_call: workflow-call, *: any}
on-strict = event | [event] | events

event = in(branch_protection_rule check_run check_suite create delete deployment deployment_status
    discussion discussion_comment fork gollum image_version issue_comment issues label merge_group
    milestone page_build project project_card project_column public pull_request
    pull_request_comment pull_request_review pull_request_review_comment pull_request_target push
    registry_package release repository_dispatch schedule status watch workflow_call
    workflow_dispatch workflow_run)

events = {
    branch_protection_rule: null | {types: changed-types},
    check_run: null | {types: check-run-types},
    check_suite: null | {types: in(completed) | [in(completed)]},
    create: null, delete: null, deployment: null, deployment_status: null,
    discussion: null | {types: discussion-types},
    discussion_comment: null | {types: changed-types},
    fork: null, gollum: null,
    image_version: null | {types: image-types, names: texts, versions: texts},
    issue_comment: null | {types: changed-types},
    issues: null | {types: issue-types},
    label: null | {types: changed-types},
    merge_group: null | {types: merge-types, branches: texts, branches-ignore: texts},
    milestone: null | {types: milestone-types},
    page_build: null,
    project: null | {types: project-types},
    project_card: null | {types: card-types},
    project_column: null | {types: column-types},
    public: null,
    pull_request: null | pull-request, pull_request_target: null | pull-request,
    pull_request_comment: null | {types: changed-types},
    pull_request_review: null | {types: review-types},
    pull_request_review_comment: null | {types: changed-types},
    push: null | push,
    registry_package: null | {types: package-types},
    release: null | {types: release-types},
    repository_dispatch: null | {types: texts},
    schedule: [{cron!: text, timezone: text}],
    status: null,
    watch: null | {types: in(started) | [in(started)]},
    workflow_call: workflow-call,
    workflow_dispatch: null | {inputs: dispatch-inputs},
    workflow_run: null | workflow-run}

push = {branches: texts, branches-ignore: texts, tags: texts, tags-ignore: texts, paths: texts,
    paths-ignore: texts}
pull-request = {types: pull-types, branches: texts, branches-ignore: texts, paths: texts,
    paths-ignore: texts}
workflow-run = {types: run-types, workflows: texts, branches: texts, branches-ignore: texts}

changed-type = in(created edited deleted)
changed-types = changed-type | [changed-type]
check-run-type = in(completed created rerequested requested_action)
check-run-types = check-run-type | [check-run-type]
discussion-type = in(created edited deleted transferred pinned unpinned labeled unlabeled locked
    unlocked category_changed answered unanswered)
discussion-types = discussion-type | [discussion-type]
image-type = in(created ready deleted)
image-types = image-type | [image-type]
issue-type = in(opened edited deleted transferred pinned unpinned closed reopened assigned
    unassigned labeled unlabeled locked unlocked milestoned demilestoned field_added field_removed
    typed untyped)
issue-types = issue-type | [issue-type]
merge-type = in(checks_requested)
merge-types = merge-type | [merge-type]
milestone-type = in(created closed opened edited deleted)
milestone-types = milestone-type | [milestone-type]
project-type = in(created closed reopened edited deleted)
project-types = project-type | [project-type]
card-type = in(created moved converted edited deleted)
card-types = card-type | [card-type]
column-type = in(created updated moved deleted)
column-types = column-type | [column-type]
pull-type = in(assigned unassigned labeled unlabeled opened edited closed reopened synchronize
    converted_to_draft locked unlocked enqueued dequeued milestoned demilestoned ready_for_review
    review_requested review_request_removed auto_merge_enabled auto_merge_disabled stacked)
pull-types = pull-type | [pull-type]
review-type = in(submitted edited dismissed)
review-types = review-type | [review-type]
package-type = in(published updated)
package-types = package-type | [package-type]
release-type = in(published unpublished created edited deleted prereleased released)
release-types = release-type | [release-type]
run-type = in(requested completed in_progress)
run-types = run-type | [run-type]

workflow-call = null | {inputs: {*: call-input}, secrets: {*: null | call-secret-rule},
    outputs: {*: call-output}}
call-input = {description: string, type!: 'string' | 'boolean' | 'number', required: boolean,
    default: call-default}
call-default @$run = scalar
call-secret-rule = {description: string, required: boolean}
call-output = {description: string, value!: call-output-value}
call-output-value @$run @jobs = string

dispatch-inputs = {*: dispatch-input}
dispatch-input = {description: string, type: dispatch-type, required: boolean, default: scalar,
    options: [string]}
dispatch-type = 'string' | 'boolean' | 'number' | 'environment' | 'choice'
)";

}  // namespace gantry::core::workflow
