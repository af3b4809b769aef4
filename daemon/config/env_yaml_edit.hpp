#pragma once

#include "daemon/config/problems.hpp"
#include "daemon/config/yaml_tree.hpp"

#include <optional>
#include <string>

namespace zohosyncd {

/// The text of an env.yaml in which the connection `name` has these properties, or none is of that
/// name where `properties` is nullptr. Every other line stays as it is, comments included; a
/// document in JSON's style, which has none, is written anew. The result has been read back: the
/// connection is what was asked for, and nothing else differs. Nothing, and a reason, where that
/// can not be had.
std::optional<std::string> edit_env_yaml(const std::string& text,
                                         const std::string& file,
                                         const std::string& name,
                                         const Node* properties,
                                         Problems& problems);

/// Whether both are the same document, wherever it is written.
bool is_same_tree(const Node& a, const Node& b);

} // namespace zohosyncd
