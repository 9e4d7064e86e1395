// SPDX-License-Identifier: MIT
// Webhooks in: durable before they are answered, then taken in order per repository and turned
// into runs. Loop thread only.
#pragma once

#include "daemon/control/conductor.hpp"
#include "daemon/control/git_pool.hpp"
#include "daemon/control/github_tokens.hpp"
#include "daemon/http/router.hpp"
#include "proto/github_events.hpp"
#include "storage/deliveries.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::control {

class Intake {
 public:
  Intake(async::Runtime& runtime, Conductor& conductor, GitPool& git, GithubTokens& tokens,
         async::TaskGroup& tasks);

  void add_routes(http::Router& router);  // POST /webhooks/github
  async::Task<> restore();                // takes up what was received but not processed

  // A delivery that Gantry made itself and has stored.
  void take(const storage::Delivery& delivery);
  async::Task<> submit(storage::Delivery delivery);  // stores it first

  // A run by hand. Throws core::Exception with what is wrong for the API's 404 and 422.
  struct Dispatch {
    storage::Repository repo;
    std::string workflow_path, ref, actor;
    core::expr::Value inputs;
    core::expr::Value selection;  // core/run/selection.hpp; null: the whole workflow
  };
  async::Task<core::RunId> dispatch(Dispatch wanted);

 private:
  // A delivery that is stored, as read; its payload stays in the database.
  struct Item {
    core::DeliveryId id;
    core::Timestamp received_at;
    core::Result<proto::ParsedDelivery> content;
  };
  // A delivery whose repository did not answer, and when it is asked again.
  struct Held {
    Item item;
    std::chrono::steady_clock::time_point due;
    std::chrono::steady_clock::duration pause;
  };
  // The deliveries of one repository. One that has to wait for the repository lets the others pass:
  // they may need nothing that is not here. What is held goes first as soon as it may be tried.
  struct Lane {
    explicit Lane(const async::asio::any_io_executor& executor) : changed(executor) {}
    std::deque<Item> waiting;
    std::deque<Held> held;  // oldest first
    async::Wakeup changed;
  };

  async::Task<http::Response> receive(http::Request& request);
  void enqueue(Item item);
  void place(Item item);
  async::Task<> work(std::string name, Lane& lane);
  async::Task<> attempt(Lane& lane, Held next);
  static void hold(Lane& lane, Held next);
  async::Task<std::optional<Held>> next_of(Lane& lane);
  async::Task<> process(const Item& item);
  async::Task<> process_event(const Item& item, core::workflow::Event event);
  // What one event of `on` means for every workflow file of its commit.
  struct Considered {
    std::vector<core::run::PlannedWorkflow> planned;
    std::vector<NewRun> runs;
    std::string why_not;  // nothing was looked at
  };
  // The workflows a run calls, of this commit and of other repositories allowed here.
  async::Task<> add_calls(NewRun& run, core::run::CalledTexts sources);
  async::Task<std::optional<core::run::CalledText>> read_remote(
      std::string name, const core::run::CalledTexts& known_texts, std::string& why_not);
  // What a default branch says of `on.schedule` counts from now on.
  async::Task<> keep_schedules(storage::Repository repo,
                               const std::vector<core::run::WorkflowFile>& files);
  bool is_own_status(const core::workflow::Event& event) const;
  async::Task<Considered> consider(storage::Repository repo, std::string token,
                                   core::workflow::Event event, core::Timestamp now);
  async::Task<> finish(core::DeliveryId id, storage::DeliveryState state, std::string reason);
  async::Task<> rerun_check(const Item& item, const proto::CheckRunRequest& request);
  async::Task<> rerun_commit(const Item& item, std::string head_sha);
  async::Task<storage::Repository> keep_repository(const core::workflow::Repository& repository,
                                                   std::int64_t installation);
  // Files of .github/workflows at `sha`, their texts in `sources` by path.
  async::Task<std::vector<core::run::WorkflowFile>> read_workflows(storage::Repository repo,
                                                                   std::string token,
                                                                   std::string sha,
                                                                   core::run::CalledTexts& sources);
  async::Task<std::optional<core::workflow::Changes>> changed_files(
      storage::Repository repo, std::string token, core::workflow::DiffRequest wanted,
      std::string ref);
  async::Task<> complete_ref(storage::Repository repo, std::string token,
                             core::workflow::Event& event);
  // sha and head_sha become the commit `rev` leads to; false: there is none.
  async::Task<bool> resolve_rev(storage::Repository repo, std::string token, std::string rev,
                                core::workflow::Event& event);
  // Fills what only git knows of the event. Not empty: why it can start nothing.
  async::Task<std::string> resolve(storage::Repository repo, std::string token,
                                   core::workflow::Event& event);
  // Fills sha and head_commit_message of a pull request's event: the merge commit, checked
  // against its head. False: there is none (a conflict).
  async::Task<bool> resolve_pull(storage::Repository repo, std::string token,
                                 core::workflow::Event& event);

  async::Runtime& runtime_;
  Conductor& conductor_;
  GitPool& git_;
  GithubTokens& tokens_;
  async::TaskGroup& tasks_;
  // What came before restore() had read what was there: taken when it has.
  std::optional<std::vector<Item>> early_{std::in_place};
  std::map<core::RepoId, std::string>
      schedules_;                      // as stored; a repository not looked at is absent
  std::map<std::string, Lane> lanes_;  // by lower-case repository name
};

}  // namespace gantry::daemon::control
