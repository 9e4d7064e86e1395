// SPDX-License-Identifier: MIT
// The runtime services of one job: what actions of the job speak to on 127.0.0.1 inside its
// sandbox, also without network. Blobs stay here, as files in the job's folder or gantryd's store;
// what they mean is decided by gantryd. Nobody gets anything without this job's token. Used from
// the loop thread; costs nothing before start().
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/http/router.hpp"
#include "daemon/http/server.hpp"
#include "daemon/runner/services/upload.hpp"
#include "proto/actions_services.hpp"
#include "proto/runner_protocol.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gantry::daemon::runner {

enum class ServiceUser { action, script };  // a script gets the ID token only

struct ServicesConfig {
  std::filesystem::path uploads;  // folder; made when needed
  proto::BackendIds ids;          // of run and job
  proto::IdTokens id_tokens = proto::IdTokens::no;
  std::uint64_t max_blob_bytes = 0;  // 0 = no limit
};

class Services {
 public:
  using NamedValues = std::vector<std::pair<std::string, std::string>>;
  // Asks gantryd; waits through a restart of it for a while.
  using Call = std::function<async::Task<proto::ServiceAnswer>(proto::ServiceCall call)>;

  Services(async::Runtime& runtime, Call call, ServicesConfig config);
  ~Services();

  void start(core::UniqueFd listening);
  bool is_started() const { return server_ != nullptr; }
  NamedValues environment(ServiceUser user) const;  // once started
  std::vector<std::string> secrets() const;         // to be masked
  async::Task<> close();

 private:
  using Handler = async::Task<http::Response> (Services::*)(http::Request&);
  struct Pending {  // an upload that was announced
    std::string what, signature, announced;
    std::unique_ptr<Upload> upload;
  };
  using PendingPointer = std::shared_ptr<Pending>;  // shared with requests at work on it
  struct Download {
    std::int64_t number = 0;
    std::string signature, path, content_type, file_name;
  };

  http::Handler guarded(Handler handler);
  async::Task<http::Response> twirp(http::Request& request);
  async::Task<http::Response> put_blob(http::Request& request);
  async::Task<http::Response> get_blob(http::Request& request);
  async::Task<http::Response> id_token(http::Request& request);

  async::Task<http::Response> receive_block(PendingPointer pending, http::Request& request,
                                            std::string id);
  async::Task<http::Response> receive_list(PendingPointer pending, http::Request& request);
  async::Task<http::Response> finalize(proto::ServiceCall call, std::string what,
                                       std::uint64_t size, std::string digest);
  http::Response give_address(const proto::ServiceAnswer& answer, const std::string& what,
                              std::string announced);
  PendingPointer find_upload(const http::Request& request) const;
  std::string url_of(std::int64_t number, const std::string& signature) const;

  async::Runtime& runtime_;
  Call call_;
  ServicesConfig config_;
  std::string token_, id_request_token_;
  std::string origin_;  // http://127.0.0.1:port
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::int64_t last_number_ = 0;
  std::map<std::int64_t, PendingPointer> uploads_;
  std::deque<Download> downloads_;  // the newest ones
};

}  // namespace gantry::daemon::runner
