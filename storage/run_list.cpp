// SPDX-License-Identifier: MIT
// Lists of runs as GitHub's API pages them. Counts come from the counter tables wherever the
// filter allows; the page is found on an index and only its rows are read.
#include "storage/page.hpp"
#include "storage/run_row.hpp"
#include "storage/runs.hpp"

#include <algorithm>
#include <limits>
#include <variant>

namespace gantry::storage {
namespace {

constexpr std::int64_t kAnyId = std::numeric_limits<std::int64_t>::max();

// The first run id whose created_at is at or after `time`. Ids are in the order of time
// (insert_run), so the table itself is the index.
std::int64_t first_id_at(Database& database, core::Timestamp time) {
  Statement bounds =
      database.prepare("SELECT (SELECT min(id) FROM runs), (SELECT max(id) FROM runs)");
  std::optional<std::int64_t> low, high;
  if (bounds.next()) bounds.read(low, high);
  if (!low || !high) return kAnyId;
  std::int64_t from = *low, to = *high + 1;
  while (from < to) {
    const std::int64_t middle = from + (to - from) / 2;
    Statement at =
        database.prepare("SELECT id, created_at FROM runs WHERE id >= ?1 ORDER BY id LIMIT 1");
    std::int64_t id = kAnyId;
    core::Timestamp created;
    if (at.bind(middle).next()) at.read(id, created);
    if (id != kAnyId && created < time) {
      from = id + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

// Conditions joined by AND, and their values in order.
class Conditions {
 public:
  using Value = std::variant<std::int64_t, std::string>;

  void add(std::string_view condition) {
    text_ += text_.empty() ? "WHERE " : " AND ";
    text_ += condition;
  }
  void add(std::string_view condition, Value value) {
    add(condition);
    values_.push_back(std::move(value));
  }
  const std::string& text() const { return text_; }
  // Binds the values to the first parameters, then `more` to those after them.
  template <class... More>
  void bind(Statement& statement, const More&... more) const {
    int index = 0;
    for (const Value& value : values_) {
      std::visit([&](const auto& v) { statement.bind_at(++index, v); }, value);
    }
    (statement.bind_at(++index, more), ...);
  }

 private:
  std::string text_;
  std::vector<Value> values_;
};

constexpr std::string_view kIsCompleted =
    "outcome NOT IN ('queued', 'waiting', 'pending', 'in_progress')";

// What the counter tables can answer.
Conditions counted_conditions(const RunFilter& filter) {
  Conditions conditions;
  if (filter.repo) conditions.add("repo_id = ?", filter.repo.value);
  if (filter.branch) conditions.add("head_branch = ?", *filter.branch);
  if (filter.workflow) conditions.add("workflow_id = ?", filter.workflow->value);
  if (filter.event) conditions.add("event = ?", *filter.event);
  if (filter.status == "completed") {
    conditions.add(kIsCompleted);
  } else if (filter.status) {
    conditions.add("outcome = ?", *filter.status);
  }
  return conditions;
}

Conditions all_conditions(Database& database, const RunFilter& filter) {
  Conditions conditions = counted_conditions(filter);
  if (filter.actor) conditions.add("actor = ?", *filter.actor);
  if (filter.head_sha) conditions.add("head_sha = ?", *filter.head_sha);
  if (filter.created_from) {
    conditions.add("id >= ?", first_id_at(database, *filter.created_from));
  }
  if (filter.created_to) {
    conditions.add("id < ?",
                   first_id_at(database, *filter.created_to + std::chrono::milliseconds(1)));
  }
  return conditions;
}

std::int64_t number_of(Database& database, const std::string& sql, const Conditions& conditions) {
  Statement statement = database.prepare(sql + conditions.text());
  conditions.bind(statement);
  std::int64_t count = 0;
  if (statement.next()) statement.read(count);
  return count;
}

std::int64_t count_runs(Database& database, const RunFilter& filter, const Conditions& all) {
  if (filter.actor || filter.head_sha || filter.created_from || filter.created_to) {
    return number_of(database, "SELECT count(*) FROM runs ", all);
  }
  const char* table = filter.branch ? "branch_run_counts " : "run_counts ";
  return number_of(database, std::string("SELECT coalesce(sum(count), 0) FROM ") + table, all);
}

}  // namespace

RunList list_runs(Database& database, const RunFilter& filter, Page page) {
  Conditions conditions = all_conditions(database, filter);
  RunList list;
  list.total_count = count_runs(database, filter, conditions);
  std::int64_t limit = page.limit();
  if (filter.before) {
    conditions.add("id < ?", filter.before->value);
  } else {
    // Knowing the count, the search for a rare outcome ends at its last match.
    limit = std::min(limit, list.total_count - page.offset());
  }
  if (limit <= 0) return list;
  Statement statement =
      database.prepare(select_runs("WHERE id IN (SELECT id FROM runs " + conditions.text() +
                                   " ORDER BY id DESC LIMIT ? OFFSET ?) ORDER BY id DESC"));
  conditions.bind(statement, limit, filter.before ? std::int64_t{0} : page.offset());
  while (statement.next())
    list.runs.push_back(read_run(statement));
  return list;
}

std::vector<Run> newest_runs(Database& database, const RunFilter& filter, int limit) {
  Conditions conditions = all_conditions(database, filter);
  if (filter.before) conditions.add("id < ?", filter.before->value);
  Statement statement =
      database.prepare(select_runs(conditions.text() + " ORDER BY id DESC LIMIT ?"));
  conditions.bind(statement, static_cast<std::int64_t>(limit));
  std::vector<Run> runs;
  while (statement.next())
    runs.push_back(read_run(statement));
  return runs;
}

}  // namespace gantry::storage
