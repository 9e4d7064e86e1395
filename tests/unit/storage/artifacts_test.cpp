// SPDX-License-Identifier: MIT
#include "storage/artifacts.hpp"

#include "core/base/error.hpp"
#include "fixture.hpp"
#include "storage/blobs.hpp"
#include "storage/caches.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::storage;
using test::at;
using test::Fixture;

namespace {

const std::string kDigest(64, 'a');

Artifact artifact(core::RepoId repo, core::RunId run, core::JobId job, std::string name,
                  int attempt = 1) {
  Artifact made;
  made.repo = repo;
  made.run = run;
  made.attempt = attempt;
  made.job = job;
  made.name = std::move(name);
  made.content_type = "application/zip";
  made.size = 10;
  made.digest = kDigest;
  made.created_at = at(5000);
  made.expires_at = at(9000);
  return made;
}

std::vector<std::string> names(const std::vector<Artifact>& artifacts) {
  std::vector<std::string> result;
  for (const Artifact& one : artifacts)
    result.push_back(one.name + std::to_string(one.attempt));
  return result;
}

}  // namespace

TEST_CASE("artifacts: a name is taken once in an attempt") {
  Fixture f;
  const core::RunId run = f.add_run();
  const core::JobId job = f.add_job(run);
  CHECK(insert_artifact(f.db, artifact(f.repo, run, job, "a")).has_value());
  CHECK_FALSE(insert_artifact(f.db, artifact(f.repo, run, job, "a")).has_value());
  CHECK(insert_artifact(f.db, artifact(f.repo, run, job, "A")).has_value());
  CHECK(insert_artifact(f.db, artifact(f.repo, f.add_run(), job, "a")).has_value());
  CHECK(count_artifacts(f.db, job) == 3);
}

TEST_CASE("artifacts: a new attempt sees those before it and its own in their place") {
  Fixture f;
  const core::RunId run = f.add_run();
  const core::JobId job = f.add_job(run);
  insert_artifact(f.db, artifact(f.repo, run, job, "a"));
  insert_artifact(f.db, artifact(f.repo, run, job, "b"));
  insert_artifact(f.db, artifact(f.repo, run, job, "b", 2));
  insert_artifact(f.db, artifact(f.repo, run, job, "c", 3));
  CHECK(names(artifacts_of_attempt(f.db, run, 2)) == std::vector<std::string>{"a1", "b2"});
  CHECK(names(artifacts_of_attempt(f.db, run, 1)) == std::vector<std::string>{"a1", "b1"});
  CHECK(find_artifact(f.db, run, 3, "b")->attempt == 2);
  CHECK_FALSE(find_artifact(f.db, run, 2, "c").has_value());
}

TEST_CASE("artifacts: lists come newest first, by page, run and name") {
  Fixture f;
  const core::RunId run = f.add_run();
  const core::JobId job = f.add_job(run);
  for (const char* name : {"a", "b", "c"})
    insert_artifact(f.db, artifact(f.repo, run, job, name));
  const core::RunId other = f.add_run();
  insert_artifact(f.db, artifact(f.repo, other, f.add_job(other), "a"));
  ArtifactFilter filter;
  filter.repo = f.repo;
  const ArtifactList second = list_artifacts(f.db, filter, Page{2, 3});
  CHECK(second.total_count == 4);
  CHECK(names(second.artifacts) == std::vector<std::string>{"a1"});
  filter.run = run;
  CHECK(names(list_artifacts(f.db, filter).artifacts) ==
        std::vector<std::string>{"c1", "b1", "a1"});
  filter.run.reset();
  filter.name = "a";
  CHECK(list_artifacts(f.db, filter).total_count == 2);
}

TEST_CASE("artifacts: those past their time go, their blob when nobody else has it") {
  Fixture f;
  const Layout layout(f.dir.path());
  layout.create();
  const core::RunId run = f.add_run();
  const core::JobId job = f.add_job(run);
  const std::string other(64, 'b');
  for (const std::string& digest : {kDigest, other}) {
    core::write_file_atomic(f.dir.path() / "upload", "bytes");
    adopt_blob(layout, f.dir.path() / "upload", digest);
  }
  Artifact longer = artifact(f.repo, run, job, "longer");
  longer.expires_at = at(20'000);
  Artifact sole = artifact(f.repo, run, job, "sole");
  sole.digest = other;
  insert_artifact(f.db, artifact(f.repo, run, job, "short"));
  insert_artifact(f.db, longer);
  insert_artifact(f.db, sole);
  CHECK(expire_artifacts(f.db, at(8999)).empty());
  const std::vector<std::string> gone = expire_artifacts(f.db, at(9000));
  CHECK(gone.size() == 2);
  remove_unused_blobs(f.db, layout, gone);
  CHECK(all_blobs(layout) == std::vector<std::string>{kDigest});
  remove_unused_blobs(f.db, layout, all_blobs(layout));  // as after a crash
  CHECK(core::fs::exists(layout.blob(kDigest)));
}

TEST_CASE("blobs: only a digest can be a name, and the same bytes are kept once") {
  Fixture f;
  const Layout layout(f.dir.path());
  CHECK_THROWS_AS(adopt_blob(layout, f.dir.path() / "x", "../../etc/passwd"), core::Exception);
  CHECK_THROWS_AS(adopt_blob(layout, f.dir.path() / "absent", kDigest), core::Exception);
  for (int i = 0; i < 2; ++i) {
    core::write_file_atomic(f.dir.path() / "upload", "bytes");
    adopt_blob(layout, f.dir.path() / "upload", kDigest);
    CHECK_FALSE(core::fs::exists(f.dir.path() / "upload"));
  }
  CHECK(core::read_file(layout.blob(kDigest)) == "bytes");
}
