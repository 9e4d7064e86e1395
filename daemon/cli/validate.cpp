// SPDX-License-Identifier: MIT
// gantry validate: what is wrong with workflow and action files, without a gantryd.
#include "daemon/cli/validate.hpp"

#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "proto/findings.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

using core::fs::path;
using core::yaml::Severity;

struct Options {
  std::vector<std::string> paths;
  std::string format = "text", stdin_name = "<stdin>", event, event_name;
  std::vector<std::string> changed;
  bool quiet = false, errors_only = false;
};

struct Input {
  std::string shown;    // how the user knows the file
  std::string in_tree;  // relative to the tree's top, where it lies in one
  std::string source;
};

std::string_view line_of(std::string_view source, int line) {
  for (int i = 1; i < line; ++i) {
    const std::size_t end = source.find('\n');
    if (end == std::string_view::npos) return "";
    source.remove_prefix(end + 1);
  }
  source = source.substr(0, source.find('\n'));
  if (source.ends_with('\r')) source.remove_suffix(1);
  return line > 0 ? source : "";
}

// Each argument as files: itself, the YAML files of a folder, or those of a work tree.
std::vector<path> files_of(const std::string& argument) {
  if (!core::fs::is_directory(argument)) return {path(argument)};
  std::vector<path> files;
  if (core::fs::exists(path(argument) / ".git") || core::fs::exists(path(argument) / ".github")) {
    const FileChecker tree{path(argument)};
    for (const std::string& name : tree.find_files())
      files.push_back((tree.top() / name).lexically_proximate(core::fs::current_path()));
    return files;
  }
  for (const auto& entry : core::fs::directory_iterator(argument)) {
    const path& file = entry.path();
    if (file.extension() == ".yml" || file.extension() == ".yaml") files.push_back(file);
  }
  std::sort(files.begin(), files.end());
  return files;
}

Input read_input(const path& file, const path& top) {
  Input input;
  input.shown = file.string();
  const path inside = core::fs::absolute(file).lexically_normal().lexically_relative(top);
  const bool is_inside = !top.empty() && !inside.empty() && *inside.begin() != "..";
  input.in_tree = is_inside ? inside.string() : file.string();
  input.source = core::read_file(file, kMaxFileBytes);
  return input;
}

std::vector<Input> read_inputs(const Options& options, const FileChecker& here, bool& unreadable) {
  std::vector<path> files;
  std::vector<Input> inputs;
  if (options.paths.empty()) {
    if (here.top().empty()) {
      throw core::Exception(core::Errc::not_found,
                            "looking for workflow files: this is no git work tree; name files or "
                            "folders, or '-'");
    }
    for (const std::string& name : here.find_files())
      files.push_back((here.top() / name).lexically_proximate(core::fs::current_path()));
  }
  for (const std::string& argument : options.paths) {
    if (argument == "-") {
      inputs.push_back({options.stdin_name, options.stdin_name,
                        read_open_file(STDIN_FILENO, options.stdin_name)});
      continue;
    }
    for (path& file : files_of(argument))
      files.push_back(std::move(file));
  }
  for (const path& file : files) {
    try {
      inputs.push_back(read_input(file, here.top()));
    } catch (const core::Exception& error) {
      unreadable = true;
      std::fprintf(stderr, "gantry: %s\n", error.what());
    }
  }
  return inputs;
}

void print_text(const std::string& shown, const CheckedFile& file, const Options& options) {
  for (const auto& diagnostic : file.diagnostics) {
    if (options.errors_only && diagnostic.severity != Severity::error) continue;
    const std::string text = render(diagnostic, shown, file.source);
    const std::size_t end = std::min(text.find('\n'), text.size());
    const bool is_error = diagnostic.severity == Severity::error;
    const std::string_view mark = is_error ? ": error: " : ": warning: ";
    const std::size_t at = text.find(mark);
    // The file's name and everything behind it may hold what steers a terminal.
    std::printf(
        "%s: %s %s", paint(Colour::bold, for_terminal(text.substr(0, at))).c_str(),
        paint(is_error ? Colour::red : Colour::yellow, is_error ? "error:" : "warning:").c_str(),
        for_terminal(text.substr(at + mark.size(), end - at - mark.size())).c_str());
    std::fputs(text.substr(end).c_str(), stdout);
  }
}

struct Checked {
  std::vector<CheckedFile> files;
  std::vector<std::string> shown;
};

std::vector<proto::Finding> findings_of(const Checked& checked, const Options& options) {
  std::vector<proto::Finding> findings;
  for (const CheckedFile& file : checked.files) {
    for (const auto& diagnostic : file.diagnostics) {
      if (options.errors_only && diagnostic.severity != Severity::error) continue;
      findings.push_back(
          {file.name, diagnostic, std::string(line_of(file.source, diagnostic.position.line))});
    }
  }
  return findings;
}

void print(const Checked& checked, const std::vector<proto::Finding>& findings,
           const Options& options) {
  if (options.quiet) return;
  if (options.format == "json") {
    std::vector<std::string> names;
    for (const CheckedFile& file : checked.files)
      names.push_back(file.name);
    std::fputs(proto::findings_to_json(names, findings).c_str(), stdout);
  } else if (options.format == "sarif") {
    std::fputs(proto::findings_to_sarif(findings).c_str(), stdout);
  } else if (options.format == "github") {
    std::fputs(proto::findings_to_commands(findings).c_str(), stdout);
  } else {
    for (std::size_t i = 0; i < checked.files.size(); ++i)
      print_text(checked.shown[i], checked.files[i], options);
  }
}

int run(const Options& options) {
  const FileChecker here(core::fs::current_path());
  bool unreadable = false;
  const std::vector<Input> inputs = read_inputs(options, here, unreadable);
  Checked checked;
  for (const Input& input : inputs) {
    checked.files.push_back(here.check(input.in_tree, input.source));
    checked.shown.push_back(input.shown);
  }
  if (!options.event.empty()) {
    const PlanOptions plan{options.event, options.event_name, options.changed,
                           options.format == "json"};
    const int code = show_plan(plan, checked.files);
    return unreadable ? kUsage : code;
  }
  const auto findings = findings_of(checked, options);
  print(checked, findings, options);
  if (unreadable) return kUsage;
  return findings.empty() ? 0 : kFailed;
}

// What keeps files from being looked at at all is not a finding.
int run_or_tell(const Options& options) {
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gantry: %s\n", error.what());
  }
  return kUsage;
}

}  // namespace

void add_validate(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("validate", "check workflow and action files, as GitHub does and further");
  command->footer(
      "Exit status: 0 nothing found, 1 something found (with --event: a file with errors), 2 wrong "
      "usage or a file that cannot be read.");
  command->add_option("paths", options->paths,
                      "files, folders, or - for standard input; without any, those of this git "
                      "work tree");
  command->add_option("--format", options->format, "text, json, sarif or github (annotations)")
      ->check(CLI::IsMember({"text", "json", "sarif", "github"}));
  command->add_option("--stdin-name", options->stdin_name, "the file's name, for -");
  command->add_flag("-q,--quiet", options->quiet, "print nothing, only the exit status tells");
  command->add_flag("--errors-only", options->errors_only, "leave warnings out");
  command->add_option("--event", options->event,
                      "a webhook payload: show what it would start and why");
  command->add_option("--event-name", options->event_name, "its event (told by the payload)");
  command->add_option("--changed", options->changed, "a file it changes, for path filters; again");
  command->callback(
      [&global, options] { global.run = [options] { return run_or_tell(*options); }; });
}

}  // namespace gantry::daemon::cli
