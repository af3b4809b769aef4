#pragma once

#include "daemon/core/expression.hpp"
#include "daemon/core/text_template.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd {

class Block;
class Problems;

/// What a hook does.
enum class HookType { http, query, log, check };

/// What its failure means.
enum class HookFailure {
    abort, ///< The stream's run fails (of the root: the pass).
    warn,  ///< Said, and that is all.
    quiet, ///< Not even said.
    skip,  ///< The run that it precedes does not take place, and that is no failure.
    stop,  ///< `break`: the hooks behind it are left out.
};

/// One hook, checked. Which of the fields count depends on its type.
struct Hook {
    HookType type = HookType::log;
    std::string name; ///< Its id, else "post[0]".
    std::string file; ///< Where it is written.
    int line = 0;     ///< ...
    std::string path; ///< "streams.leads.hooks.post[0]"
    HookFailure on_failure = HookFailure::abort;
    std::optional<Expression> condition; ///< Unset: always.
    std::optional<Expression> check;
    TextTemplate text; ///< The payload, the query, or the message.
    TextTemplate url;
    std::string method = "GET";
    std::vector<std::pair<std::string, TextTemplate>> headers;
    std::string connection; ///< Of a query, as written.
    std::string level = "info";
};

/// Around the runs of one stream.
struct StreamHooks {
    std::vector<Hook> pre;
    std::vector<Hook> post;

    [[nodiscard]] bool empty() const { return pre.empty() && post.empty(); }
};

/// Around one pass over all streams.
struct RootHooks {
    std::vector<Hook> start;
    std::vector<Hook> end;
};

/// `hooks` of a stream or of `defaults`. What can not be honoured is reported.
StreamHooks read_stream_hooks(const Block& hooks);
/// `hooks` at the root.
RootHooks read_root_hooks(const Block& hooks);

/// The variables that its texts and conditions name, each once.
std::vector<std::string> variables_of(const Hook& hook);

/// What only the whole file tells: whether `env` has its variables, and whether its connection is
/// the target, which is known as any of `targets`.
void check_references(const Hook& hook,
                      const std::map<std::string, std::string>& env,
                      const std::vector<std::string>& targets,
                      Problems& problems);

/// Nothing where a hook may talk to this address, else why it may not: https, or http to this
/// machine.
std::string refusal_of_address(const std::string& url);

} // namespace zohosyncd
