// SPDX-License-Identifier: MIT
// The checkouts of a job: finds the commits (gantryd's mirror, or fetched for this job alone by a
// confined gantry-git), fills the workspace, fetches submodules. Used from the loop thread; what
// blocks is done on the pool. Throws core::Exception.
#pragma once

#include "daemon/async/runtime.hpp"
#include "daemon/git/checkout_inputs.hpp"
#include "daemon/runner/checkout_origin.hpp"
#include "daemon/runner/gantryd_link.hpp"
#include "daemon/runner/git_calls.hpp"
#include "daemon/runner/job_folder.hpp"

#include <map>
#include <string>
#include <vector>

namespace gantry::daemon::runner {

class Checkouts {
 public:
  Checkouts(async::Runtime& runtime, GantrydLink& link, const proto::JobMessage& message,
            JobFolder& folder);
  ~Checkouts();

  struct Done {
    std::vector<std::string> lines;              // for the job's log
    std::map<std::string, std::string> outputs;  // of the step
    std::string sha;
  };
  async::Task<Done> carry_out(git::CheckoutPlan plan);

  void stop();            // the job was cancelled: what is under way throws
  async::Task<> close();  // before this is destroyed while the loop runs

 private:
  struct Mirror {
    fs::path path;
    fs::path trees;  // shared by jobs; empty: the mirror is this job's alone
    std::string sha, ref;
  };
  struct Wanted {
    std::string url;
    std::string sha, rev;
  };
  // One work tree: the checkout's own, or a submodule's.
  struct Tree {
    Mirror mirror;
    fs::path path;        // of the work tree, relative to the workspace
    fs::path git_folder;  // the same of its .git
    std::string url;
  };
  struct Ssh {
    fs::path key, known_hosts;  // the runner's
    std::string command;        // for git in steps
  };
  struct Asked;

  async::Task<Mirror> find_mirror(const git::CheckoutPlan& plan, Wanted wanted);
  async::Task<Mirror> ask_gantryd(std::string repository, Wanted wanted);
  async::Task<> ask_into(std::shared_ptr<Asked> asked, proto::MirrorRequest request);
  Mirror fetch(const Origin& origin, const Wanted& wanted);
  async::Task<Tree> place_main(const git::CheckoutPlan& plan);
  async::Task<> place_submodules(const git::CheckoutPlan& plan, Tree parent, Done& done);
  async::Task<> place_submodule(const git::CheckoutPlan& plan, const git::Submodule& submodule,
                                const Tree& parent, Tree& tree);
  void fill(const git::CheckoutPlan& plan, const Tree& tree, const git::Export& what);
  bool fill_kept(const git::CheckoutPlan& plan, const Tree& tree, const git::Export& what,
                 int target);
  void export_into(const Mirror& mirror, git::Export what, const fs::path& folder);
  void link_submodule(const git::CheckoutPlan& plan, const git::Submodule& submodule,
                      const Tree& parent, const Tree& tree, const fs::path& exported);
  void write_ssh_files(const git::CheckoutPlan& plan);
  fs::path make_own(const std::string& name);

  async::Runtime& runtime_;
  GantrydLink& link_;
  const proto::JobMessage& message_;
  JobFolder& folder_;
  GitCalls git_;
  async::TaskGroup tasks_;
  async::Wakeup changed_;
  bool stopped_ = false;
  Ssh ssh_;
  int made_ = 0;                             // names of own folders
  std::map<std::string, fs::path> mirrors_;  // of this job, by url and credentials
  std::map<fs::path, Tree> placed_;          // by path
};

}  // namespace gantry::daemon::runner
