// SPDX-License-Identifier: MIT
// gantry download: the artifacts of a run, unpacked.
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/cli/zip.hpp"
#include "proto/actions_services.hpp"

#include <CLI/CLI.hpp>
#include <fnmatch.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

namespace fs = std::filesystem;
using core::Errc;
using core::Exception;

struct Options {
  std::string id;
  std::vector<std::string> names, patterns;
  std::string folder = ".";
  bool list = false;
};

bool is_wanted(const Options& options, const std::string& name) {
  if (options.names.empty() && options.patterns.empty()) return true;
  const auto matches = [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  return std::find(options.names.begin(), options.names.end(), name) != options.names.end() ||
         std::any_of(options.patterns.begin(), options.patterns.end(), matches);
}

std::vector<nlohmann::json> choose(const nlohmann::json& all, const Options& options) {
  std::vector<nlohmann::json> chosen;
  std::string there;
  for (const auto& artifact : all) {
    there += "\n  " + name_text(artifact, "name");
    if (is_wanted(options, text(artifact, "name"))) chosen.push_back(artifact);
  }
  const std::string doing = "looking for artifacts of run " + options.id + ": ";
  if (there.empty()) throw Exception(Errc::not_found, doing + "it has none");
  for (const std::string& name : options.names) {
    const bool found = std::any_of(chosen.begin(), chosen.end(),
                                   [&](const auto& one) { return text(one, "name") == name; });
    if (!found) throw Exception(Errc::not_found, doing + "no '" + name + "'; there are:" + there);
  }
  if (chosen.empty()) throw Exception(Errc::not_found, doing + "none matches; there are:" + there);
  return chosen;
}

void print_list(const nlohmann::json& artifacts) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : artifacts) {
    rows.push_back({name_text(one, "name"), text(one, "size"), text(one, "id"),
                    age(text(one, "created_at")), text(one, "expires_at")});
  }
  print_table({"NAME", "BYTES", "ID", "AGE", "EXPIRES"}, rows);
}

void download(Api& api, const nlohmann::json& artifact, const fs::path& folder) {
  const std::string name = text(artifact, "name");
  core::or_throw(proto::check_artifact_name(name), "downloading");
  fs::create_directories(folder);
  // Beside its place, so that a file only has to be renamed.
  const core::TempDir temporary(folder);
  const fs::path file = temporary.path() / "download";
  api.download("/api/gantry/v1/artifacts/" + text(artifact, "id") + "/download", file);
  if (text(artifact, "content_type") == "application/zip") {
    const std::size_t files = unpack_zip(file, folder);
    std::printf("%s: %zu files in %s\n", name_text(artifact, "name").c_str(), files,
                folder.c_str());
  } else {
    fs::rename(file, folder / name);
    std::printf("%s: %s\n", name_text(artifact, "name").c_str(), (folder / name).c_str());
  }
}

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  const auto answer = api.get("/api/gantry/v1/runs/" + options.id + "/artifacts");
  if (options.list) {
    print_list(answer["artifacts"]);
    return 0;
  }
  const auto chosen = choose(answer["artifacts"], options);
  // As gh does: one that was named goes right there, several go each into a folder of its name.
  const bool is_single = options.names.size() == 1 && options.patterns.empty();
  for (const auto& artifact : chosen) {
    const fs::path folder = options.folder;
    download(api, artifact, is_single ? folder : folder / text(artifact, "name"));
  }
  return 0;
}

}  // namespace

void add_download(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("download", "download the artifacts of a run");
  command->add_option("run", options->id, "run id")->required()->check(CLI::PositiveNumber);
  command->add_option("-n,--name", options->names, "only this artifact (repeatable)");
  command->add_option("-p,--pattern", options->patterns, "only artifacts that match (repeatable)");
  command->add_option("-D,--dir", options->folder, "where to put them")->capture_default_str();
  command->add_flag("-l,--list", options->list, "only say what there is");
  command->callback(
      [&global, options] { global.run = [&global, options] { return run(global, *options); }; });
}

}  // namespace gantry::daemon::cli
