// SPDX-License-Identifier: MIT
#include "daemon/http/router.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace gantry::daemon::http {
namespace {

struct Route {
  Handler handler;
  RouteOptions options;
  std::vector<std::string> names;
};
using Routes = std::map<std::string, Route, std::less<>>;

[[noreturn]] void refuse(std::string_view method, std::string_view pattern, std::string_view why) {
  throw core::Exception(core::Errc::invalid, "adding route '" + std::string(method) + " " +
                                                 std::string(pattern) + "': " + std::string(why));
}

std::vector<std::string_view> segments_of(std::string_view path) {
  path.remove_prefix(1);
  return core::split(path, '/');
}

std::string allowed(const Routes& routes) {
  std::string text;
  for (const auto& [method, route] : routes) {
    if (!text.empty()) text += ", ";
    text += method;
    if (method == "GET") text += ", HEAD";
  }
  return text;
}

}  // namespace

struct Router::Node {
  std::map<std::string, Node, std::less<>> fixed;
  std::unique_ptr<Node> param;
  Routes routes;  // of a path that ends here
  Routes rest;    // of "{name...}" here

  // The deepest node fits first; `values` are what the parameters on the way stood for.
  const Routes* find(const std::vector<std::string_view>& segments, std::size_t at,
                     std::vector<std::string>& values) const {
    if (at == segments.size()) return routes.empty() ? nullptr : &routes;
    const auto next = fixed.find(segments[at]);
    if (next != fixed.end()) {
      if (const Routes* found = next->second.find(segments, at + 1, values)) return found;
    }
    const std::size_t depth = values.size();
    if (param && !segments[at].empty()) {
      values.push_back(percent_decode(segments[at]));
      if (const Routes* found = param->find(segments, at + 1, values)) return found;
      values.resize(depth);
    }
    if (rest.empty()) return nullptr;
    const char* const end = segments.back().data() + segments.back().size();
    const auto length = static_cast<std::size_t>(end - segments[at].data());
    values.push_back(percent_decode(std::string_view(segments[at].data(), length)));
    return &rest;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

void Router::add(std::string_view method, std::string_view pattern, Handler handler,
                 RouteOptions options) {
  if (pattern.empty() || pattern.front() != '/') refuse(method, pattern, "it must begin with '/'");
  Node* node = root_.get();
  Routes* routes = nullptr;
  std::vector<std::string> names;
  for (const std::string_view segment : segments_of(pattern)) {
    if (routes != nullptr) refuse(method, pattern, "nothing can follow '{name...}'");
    if (!segment.starts_with('{')) {
      node = &node->fixed[std::string(segment)];
      continue;
    }
    if (!segment.ends_with('}') || segment.size() < 3) refuse(method, pattern, "unclosed '{'");
    std::string_view name = segment.substr(1, segment.size() - 2);
    if (name.ends_with("...")) {
      name.remove_suffix(3);
      routes = &node->rest;
    } else {
      if (!node->param) node->param = std::make_unique<Node>();
      node = node->param.get();
    }
    names.emplace_back(name);
  }
  if (routes == nullptr) routes = &node->routes;
  Route route{std::move(handler), options, std::move(names)};
  if (!routes->emplace(std::string(method), std::move(route)).second) {
    refuse(method, pattern, "there is one already");
  }
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match result;
  if (path.empty() || path.front() != '/') return result;
  std::vector<std::string> values;
  const std::vector<std::string_view> segments = segments_of(path);
  const Routes* const routes = root_->find(segments, 0, values);
  if (routes == nullptr) return result;
  auto found = routes->find(method);
  if (found == routes->end() && method == "HEAD") found = routes->find("GET");
  if (found == routes->end()) {
    result.status = 405;
    result.allow = allowed(*routes);
    return result;
  }
  const Route& route = found->second;
  result.status = 200;
  result.handler = &route.handler;
  result.options = route.options;
  for (std::size_t i = 0; i < route.names.size(); ++i) {
    result.params.emplace_back(route.names[i], std::move(values[i]));
  }
  return result;
}

}  // namespace gantry::daemon::http
