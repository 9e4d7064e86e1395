// SPDX-License-Identifier: MIT
// The runtime services of a job, started when the first step comes that can use them.
#include "core/base/error.hpp"
#include "daemon/runner/job.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace gantry::daemon::runner {

namespace asio = async::asio;

async::Task<Services::NamedValues> Job::service_environment(ServiceUser user) {
  const bool wants_nothing =
      user == ServiceUser::script && message_.id_tokens == proto::IdTokens::no;
  if (wants_nothing) co_return Services::NamedValues();
  if (!services_) {
    ServicesConfig config;
    config.uploads = settings_.folder / "uploads";
    config.ids.run = std::to_string(message_.run.value);
    config.ids.job = std::to_string(message_.job.value);
    config.id_tokens = message_.id_tokens;
    config.max_blob_bytes = message_.blob_bytes;
    services_ = std::make_unique<Services>(
        runtime_, [this](proto::ServiceCall call) { return link_.call_service(std::move(call)); },
        std::move(config));
    for (const std::string& secret : services_->secrets())
      log_.masker().add_secret(secret);
  }
  while (is_starting_services_)
    co_await side_changed_.wait();
  if (!services_->is_started()) {
    is_starting_services_ = true;
    core::UniqueFd reply = processes_.listen();
    asio::posix::stream_descriptor channel(runtime_.executor(), reply.get());
    static_cast<void>(reply.release());
    co_await channel.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
    services_->start(take_listener(channel.native_handle()));
    is_starting_services_ = false;
    side_changed_.notify();
  }
  co_return services_->environment(user);
}

}  // namespace gantry::daemon::runner
