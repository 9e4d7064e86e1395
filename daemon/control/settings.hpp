// SPDX-License-Identifier: MIT
// The config with the contents of the files it names, read at start and at every reload. Loop
// thread only; holders take a snapshot with get() and keep it no longer than one action.
#pragma once

#include "core/config/config.hpp"
#include "core/workflow/permissions.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gantry::daemon::control {

using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Settings {
  core::config::Config config;
  std::vector<std::string> webhook_secrets;
  std::vector<std::string> api_tokens;
  std::string app_key;                                                     // PEM, "" without an App
  std::string personal_token;                                              // "" without one
  NamedValues vars, secrets;                                               // of every repository
  std::map<std::string, NamedValues> repository_vars, repository_secrets;  // by entry name

  // By "repository entry/environment" in lower case.
  std::map<std::string, NamedValues> environment_vars, environment_secrets;

  std::string public_url() const;
  // Those of every repository, then its own, which win.
  NamedValues vars_of(std::string_view repository) const;
  NamedValues secrets_of(std::string_view repository) const;
  // The same with those of the environment, which win; "" is none.
  NamedValues vars_of(std::string_view repository, std::string_view environment) const;
  NamedValues secrets_of(std::string_view repository, std::string_view environment) const;
  // The clone address of an allowed repository.
  std::string clone_url_of(std::string_view repository) const;
};

// Of a job whose workflow says nothing. GitHub's `read` has packages too; few Apps may read them,
// and a token asking for more than the App may is not given at all.
core::workflow::Permissions default_permissions(const core::config::GitHub& github);

// Reads the files. Throws core::Exception naming the key and the file.
Settings read_settings(core::config::Config config);

class SettingsHolder {
 public:
  explicit SettingsHolder(Settings settings)
      : current_(std::make_shared<const Settings>(std::move(settings))) {}
  std::shared_ptr<const Settings> get() const { return current_; }
  void replace(Settings settings) {
    current_ = std::make_shared<const Settings>(std::move(settings));
  }

 private:
  std::shared_ptr<const Settings> current_;  // shared with actions under way
};

}  // namespace gantry::daemon::control
