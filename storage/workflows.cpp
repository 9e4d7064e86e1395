// SPDX-License-Identifier: MIT
#include "storage/workflows.hpp"

#include "storage/words.hpp"

#include <algorithm>

namespace gantry::storage {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"active", "disabled_manually", "deleted"};

constexpr std::string_view kSelect =
    "SELECT id, repo_id, path, name, state, next_run_number, created_at, updated_at "
    "FROM workflows ";

Workflow read_workflow(const Statement& row) {
  Workflow w;
  row.read(w.id, w.repo, w.path, w.name, w.state, w.next_run_number, w.created_at, w.updated_at);
  return w;
}

}  // namespace

std::string_view to_string(WorkflowState state) {
  return word_of(kStates, state);
}
bool parse(std::string_view text, WorkflowState& out) {
  return parse_word(kStates, text, out);
}

core::WorkflowId put_workflow(Database& database, core::RepoId repo, std::string_view path,
                              std::string_view name, core::Timestamp now) {
  Statement statement = database.prepare(
      "INSERT INTO workflows (repo_id, path, name, state, created_at, updated_at) "
      "VALUES (?1, ?2, ?3, 'active', ?4, ?4) "
      "ON CONFLICT (repo_id, path) DO UPDATE SET name = excluded.name, "
      "state = iif(state = 'deleted', 'active', state), "
      "updated_at = iif(name = excluded.name AND state <> 'deleted', updated_at, "
      "excluded.updated_at) RETURNING id");
  core::WorkflowId id;
  if (statement.bind(repo, path, name, now).next()) statement.read(id);
  statement.run();
  return id;
}

std::optional<Workflow> find_workflow(Database& database, core::WorkflowId id) {
  Statement statement = database.prepare(std::string(kSelect).append("WHERE id = ?1"));
  if (!statement.bind(id).next()) return std::nullopt;
  return read_workflow(statement);
}

std::optional<Workflow> find_workflow(Database& database, core::RepoId repo,
                                      std::string_view file) {
  const std::string path = file.find('/') == std::string_view::npos
                               ? ".github/workflows/" + std::string(file)
                               : std::string(file);
  Statement statement =
      database.prepare(std::string(kSelect).append("WHERE repo_id = ?1 AND path = ?2"));
  if (!statement.bind(repo, path).next()) return std::nullopt;
  return read_workflow(statement);
}

void set_workflow_state(Database& database, core::WorkflowId id, WorkflowState state,
                        core::Timestamp now) {
  database.prepare("UPDATE workflows SET state = ?2, updated_at = ?3 WHERE id = ?1")
      .bind(id, state, now)
      .run();
}

WorkflowList list_workflows(Database& database, core::RepoId repo, Page page) {
  WorkflowList list;
  Statement count = database.prepare("SELECT count(*) FROM workflows WHERE repo_id = ?1");
  if (count.bind(repo).next()) count.read(list.total_count);
  Statement statement = database.prepare(
      std::string(kSelect).append("WHERE repo_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3"));
  statement.bind(repo, page.limit(), page.offset());
  while (statement.next())
    list.workflows.push_back(read_workflow(statement));
  return list;
}

}  // namespace gantry::storage
