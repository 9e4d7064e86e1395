// SPDX-License-Identifier: MIT
// One place that knows what Gantry cannot carry out yet; what is added to it leaves this file.
#include "core/workflow/converter.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

// GitHub sends them to itself alone, or no more.
constexpr std::string_view kNeverSent[] = {"image_version", "pull_request_comment", "project",
                                           "project_card", "project_column"};
constexpr std::string_view kAlternative = "remove it, or run the job on GitHub";

class Unsupported {
 public:
  Diagnostics run(const Workflow& workflow) {
    for (const EventTrigger& trigger : workflow.on)
      check_trigger(trigger);
    for (const Job& job : workflow.jobs)
      check_job(job);
    return std::move(found_);
  }

 private:
  void refuse(yaml::Position position, const std::string& what) {
    add_error(found_, position, what + " is not supported by Gantry yet", "unsupported",
              std::string(kAlternative));
  }

  void refuse_key(const Token& token, const std::string& key) {
    if (!token.is_null()) refuse(token.position, "'" + key + "'");
  }

  void check_trigger(const EventTrigger& trigger) {
    const auto* end = std::end(kNeverSent);
    if (std::find(std::begin(kNeverSent), end, trigger.event) == end) return;
    found_.push_back({trigger.position, yaml::Severity::warning,
                      "Gantry never receives the event '" + trigger.event + "': it starts no run",
                      "the other events of the file work", "unsupported"});
  }

  void check_job(const Job& job) {
    refuse_key(job.container, "container");
    refuse_key(job.services, "services");
    refuse_key(job.snapshot, "snapshot");
  }

  Diagnostics found_;
};

}  // namespace

std::vector<yaml::Diagnostic> unsupported(const Workflow& workflow) {
  return Unsupported().run(workflow);
}

}  // namespace gantry::core::workflow
