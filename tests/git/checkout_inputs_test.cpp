// SPDX-License-Identifier: MIT
#include "daemon/git/checkout_inputs.hpp"

#include "tests/git/support.hpp"

using namespace gantry;
using namespace gantry::testing;
using Inputs = std::map<std::string, std::string>;

namespace {

const CheckoutContext kContext{.repository = "o/r",
                               .ref = "refs/heads/main",
                               .sha = std::string(40, 'a'),
                               .server_url = "https://github.com",
                               .token = "tok",
                               .workspace = "/home/w/r/r",
                               .event_name = "push"};

CheckoutPlan plan(const Inputs& inputs, const CheckoutContext& context = kContext) {
  auto result = plan_checkout(inputs, context);
  INFO((result ? "" : result.error().message));
  REQUIRE(result.has_value());
  return *result;
}

std::string refusal(const Inputs& inputs, const CheckoutContext& context = kContext) {
  const auto result = plan_checkout(inputs, context);
  return result ? "" : result.error().message;
}

}  // namespace

TEST_CASE("checkout inputs: without any, the run's own commit, one deep, clean, with credentials") {
  const CheckoutPlan p = plan({{"path", ""}, {"ref", ""}});
  CHECK(p.sha == kContext.sha);
  CHECK(p.ref == "refs/heads/main");
  CHECK(p.path == ".");
  CHECK(p.remote_url == "https://github.com/o/r");
  CHECK(p.depth == 1);
  CHECK_FALSE(p.tags);
  CHECK(p.clean == Clean::yes);
  CHECK(p.persist_credentials);
  CHECK(p.token == "tok");
  CHECK(checkout_outputs(p) ==
        std::map<std::string, std::string>{{"ref", "refs/heads/main"}, {"commit", kContext.sha}});
}

TEST_CASE("checkout inputs: a branch or tag is looked up, a sha is taken as it is") {
  CheckoutPlan branch = plan({{"ref", "feature"}});
  CHECK(branch.sha.empty());
  CHECK(branch.rev == "feature");
  branch.ref = "refs/heads/feature";
  CHECK(checkout_outputs(branch).at("ref") == "feature");
  const CheckoutPlan sha = plan({{"ref", std::string(40, 'B')}});
  CHECK(sha.sha == std::string(40, 'b'));
  CHECK(sha.ref.empty());
  CheckoutContext merged = kContext;
  merged.ref = "main";
  CHECK(plan({}, merged).ref == "refs/heads/main");
}

TEST_CASE("checkout inputs: values are read as actions/checkout reads them") {
  const CheckoutPlan p = plan({{"fetch-depth", "0"},
                               {"fetch-tags", "TRUE"},
                               {"clean", "False"},
                               {"persist-credentials", "false"},
                               {"set-safe-directory", "no"},
                               {"path", " ./sub/dir/ "},
                               {"token", "other"},
                               {"show-progress", "false"},
                               {"sparse-checkout", "a/b/\n\n /c \n"},
                               {"filter", "tree:0"},
                               {"lfs", "true"},
                               {"submodules", "Recursive"}});
  CHECK(p.depth == 0);
  CHECK(p.tags);
  CHECK(p.clean == Clean::no);
  CHECK_FALSE(p.persist_credentials);
  CHECK_FALSE(p.set_safe_directory);
  CHECK(p.path == "sub/dir");
  CHECK(p.token == "other");
  CHECK(p.sparse == std::vector<std::string>{"a/b", "c"});
  CHECK(p.notes.size() == 1);
  CHECK(p.filter == "tree:0");
  CHECK(p.lfs == Lfs::yes);
  CHECK(p.submodules == Submodules::recursive);
  CHECK(plan({{"submodules", "true"}}).submodules == Submodules::direct);
  CHECK(plan({{"sparse-checkout", "a"}}).filter == "blob:none");
  const CheckoutPlan patterns =
      plan({{"sparse-checkout", "*.md\n!x"}, {"sparse-checkout-cone-mode", "false"}});
  CHECK(patterns.sparse_mode == SparseMode::patterns);
  CHECK(patterns.sparse == std::vector<std::string>{"*.md", "!x"});
  CHECK(plan({{"fetch-depth", "-3"}}).depth == 0);
  CHECK(plan({{"path", "/home/w/r/r/x"}}).path == "x");
  CHECK(plan({{"path", "/home/w/r/r"}}).path == ".");
}

TEST_CASE("checkout inputs: what cannot be honoured is refused with the reason") {
  const std::string begin = "reading input '";
  CHECK(refusal({{"repository", "a"}}) ==
        "reading input 'repository' of actions/checkout: 'a' is not of the form owner/name");
  for (const Inputs& inputs :
       {Inputs{{"fetch-depth", "deep"}}, Inputs{{"fetch-depth", "1.5"}}, Inputs{{"path", "../x"}},
        Inputs{{"path", "a/../../x"}}, Inputs{{"path", "/etc"}}, Inputs{{"path", "/home/w/r/rx"}},
        Inputs{{"sparse-checkout", "*.md"}}, Inputs{{"sparse-checkout", "../x"}},
        Inputs{{"github-server-url", "https://u:p@ghe.example.com"}},
        Inputs{{"github-server-url", "file:///etc"}}, Inputs{{"filter", "a\nb"}},
        Inputs{{"ssh-user", "-oProxyCommand=x"}, {"ssh-zzz", ""}}, Inputs{{"repository", "a/../b"}},
        Inputs{{"repository", "a/b\nurl"}}}) {
    CAPTURE(inputs.begin()->first);
    CAPTURE(inputs.begin()->second);
    CHECK(refusal(inputs).starts_with(begin + inputs.begin()->first.substr(0, 4)));
  }
}

TEST_CASE("checkout inputs: another repository, its token, another server, ssh") {
  CHECK(plan({{"repository", "a/b"}, {"token", "mine"}}).given_token == "mine");
  CHECK(plan({{"repository", "a/b"}, {"token", "tok"}}).given_token.empty());
  const CheckoutPlan far = plan({{"github-server-url", "https://ghe.example.com/"}});
  CHECK(far.remote_url == "https://ghe.example.com/o/r");
  CHECK(far.token.empty());
  CHECK(far.sha.empty());
  const CheckoutPlan ssh = plan({{"repository", "a/b"}, {"ssh-key", "KEY"}, {"ssh-user", "me"}});
  CHECK(ssh.remote_url == "me@github.com:a/b.git");
  CHECK(ssh.ssh.strict);
  const CheckoutPlan p = plan({{"repository", "a/b"}});
  CHECK(p.remote_url == "https://github.com/a/b");
  CHECK(p.sha.empty());
  CHECK(p.rev.empty());
}

TEST_CASE("checkout inputs: code of a fork is refused where the run has the base's rights") {
  CheckoutContext context = kContext;
  context.event_name = "pull_request_target";
  context.head_repository = "stranger/r";
  context.head_sha = std::string(40, 'e');
  context.merge_sha = std::string(40, 'f');
  CHECK(refusal({}, context) == "");
  CHECK(refusal({{"ref", context.head_sha}}, context) ==
        "checking out '" + context.head_sha +
            "' of 'o/r': it is code of a fork, and 'pull_request_target' runs with the rights of "
            "'o/r'; run it under pull_request, or set allow-unsafe-pr-checkout to true");
  CHECK(refusal({{"ref", context.merge_sha}}, context) != "");
  CHECK(refusal({{"ref", "refs/pull/3/merge"}}, context) != "");
  CHECK(refusal({{"ref", context.head_sha}, {"allow-unsafe-pr-checkout", "true"}}, context) == "");
  context.head_repository = "O/R";
  CHECK(refusal({{"ref", context.head_sha}}, context) == "");
}

TEST_CASE("checkout: credentials go into the config as actions/checkout writes them") {
  const Repository repository;
  CheckoutPlan p;
  p.server_url = "https://github.com";
  CHECK(credentials_config(p, "").empty());
  p.token = "tok";
  const fs::path config = repository.source / ".git/config";
  const std::string ssh = "\"/usr/bin/ssh\" -i \"$RUNNER_TEMP/x\"";
  core::write_file_atomic(config, core::read_file(config) + credentials_config(p, ssh));
  CHECK(repository.git("config core.sshCommand") == ssh);
  const std::string basic = shell(repository.source, "printf x-access-token:tok | base64");
  CHECK(repository.git("config http.https://github.com/.extraheader") ==
        "AUTHORIZATION: basic " + basic);
  p.persist_credentials = false;
  CHECK(credentials_config(p, ssh).empty());
  CHECK(derived_secrets("").empty());
  CHECK(derived_secrets("tok").at(0) == basic);
  CHECK(derived_secrets("to").at(0) ==
        shell(repository.source, "printf x-access-token:to | base64"));
  CHECK(derived_secrets("t").at(0) == shell(repository.source, "printf x-access-token:t | base64"));
}
