// SPDX-License-Identifier: MIT
#include "storage/reviews.hpp"

namespace gantry::storage {

void add_review(Database& database, core::RunId run, int attempt, const core::run::Review& review,
                std::string_view comment, core::Timestamp now) {
  database
      .prepare(
          "INSERT INTO reviews (run_id, attempt, environment, reviewer, verdict, comment, "
          "created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .bind(run, attempt, review.environment, review.reviewer, review.verdict, comment, now)
      .run();
}

std::vector<core::run::Review> reviews_of_run(Database& database, core::RunId run, int attempt) {
  Statement statement = database.prepare(
      "SELECT environment, reviewer, verdict FROM reviews WHERE run_id = ?1 AND attempt = ?2 "
      "ORDER BY id");
  statement.bind(run, attempt);
  std::vector<core::run::Review> reviews;
  while (statement.next()) {
    auto& review = reviews.emplace_back();
    statement.read(review.environment, review.reviewer, review.verdict);
  }
  return reviews;
}

}  // namespace gantry::storage
