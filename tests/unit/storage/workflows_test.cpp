// SPDX-License-Identifier: MIT
#include "storage/workflows.hpp"

#include "fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;

TEST_CASE("workflows: a file keeps its id when its name changes") {
  test::Fixture f;
  CHECK(put_workflow(f.db, f.repo, ".github/workflows/ci.yml", "Tests", at(5)) == f.workflow);
  const auto found = find_workflow(f.db, f.workflow);
  CHECK(found->name == "Tests");
  CHECK(found->updated_at == at(5));
  put_workflow(f.db, f.repo, ".github/workflows/ci.yml", "Tests", at(6));
  CHECK(find_workflow(f.db, f.workflow)->updated_at == at(5));
}

TEST_CASE("workflows: found by path and by file name, within the repository") {
  test::Fixture f;
  CHECK(find_workflow(f.db, f.repo, "ci.yml")->id == f.workflow);
  CHECK(find_workflow(f.db, f.repo, ".github/workflows/ci.yml")->id == f.workflow);
  CHECK_FALSE(find_workflow(f.db, f.repo, "other.yml"));
  CHECK_FALSE(find_workflow(f.db, core::RepoId{99}, "ci.yml"));
}

TEST_CASE("workflows: a deleted one comes back, a disabled one stays disabled") {
  test::Fixture f;
  set_workflow_state(f.db, f.workflow, WorkflowState::deleted, at(5));
  put_workflow(f.db, f.repo, ".github/workflows/ci.yml", "CI", at(6));
  CHECK(find_workflow(f.db, f.workflow)->state == WorkflowState::active);
  set_workflow_state(f.db, f.workflow, WorkflowState::disabled_manually, at(7));
  put_workflow(f.db, f.repo, ".github/workflows/ci.yml", "CI", at(8));
  CHECK(find_workflow(f.db, f.workflow)->state == WorkflowState::disabled_manually);
}

TEST_CASE("workflows: a page and the count of all") {
  test::Fixture f;
  for (int i = 0; i < 4; ++i)
    put_workflow(f.db, f.repo, "w" + std::to_string(i), "W", at(1));
  const WorkflowList page = list_workflows(f.db, f.repo, {.number = 2, .size = 2});
  CHECK(page.total_count == 5);
  REQUIRE(page.workflows.size() == 2);
  CHECK(page.workflows[0].path == "w1");
}
