#include "daemon/app/check_target.hpp"
#include "daemon/app/formula_refresh.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/app/session.hpp"
#include "daemon/app/sync_plan.hpp"
#include "daemon/app/timetable.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/app/whole_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/folding.hpp"
#include "daemon/core/load_estimate.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/list_reader.hpp"
#include "daemon/zoho/loose_lists.hpp"
#include "daemon/zoho/metadata.hpp"
#include "daemon/zoho/record_count.hpp"
#include "daemon/zoho/whole_list.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

namespace zohosyncd {
namespace {

// A second that is missed costs a second walk of its pages: of so small a part of all that it does
// not matter.
constexpr std::uint64_t notable_share_of_rows = 40;

class Planner {
public:
    Planner(const Config& config, Clock& clock, const std::stop_token& stop)
        : config_(config), clock_(clock), stop_(stop), gate_(gate_limits(config.source), clock),
          session_(config.source, config.daemon, gate_, clock), client_(session_.make_client()),
          fields_(clock, config.daemon.metadata), target_(inspect_target(config)) {
        if (!target_.old_state.empty()) {
            throw SyncError(ErrorKind::sink_refused, target_.old_state);
        }
        for (const auto& state : target_.states) {
            states_.emplace(state.key.stream + "\n" + state.key.target.text(), state);
        }
    }

    SyncPlan plan() {
        meet();
        for (const auto& stream : config_.streams) {
            result_.streams.push_back(plan_stream(stream));
        }
        look_for_ties();
        for (std::size_t i = 0; i < result_.streams.size(); ++i) {
            price(config_.streams[i], result_.streams[i]);
        }
        result_.plan_requests = gate_.credits_spent();
        return std::move(result_);
    }

private:
    void meet() {
        const auto spent = static_cast<std::int64_t>(target_.credits_spent);
        const auto least = static_cast<std::int64_t>(allowed_credits(config_.daemon.credits, {}));
        gate_.set_credits_left(credits_to_begin_with(config_.daemon.credits, least - spent));
        meet_organisation(*client_, config_.source, config_.daemon, clock_, organisation_, stop_);
        gate_.keep_reserve(organisation_.credits_reserved);
        gate_.set_credits_left(static_cast<std::int64_t>(organisation_.credits_allowed) - spent);
        result_.own_requests = client_->requests_sent();
        find_modules();
        result_.organisation = organisation_.id;
        result_.edition = organisation_.edition;
        result_.anchor_is_all = config_.source.read_everything;
        result_.anchor = config_.source.read_everything
                             ? std::chrono::sys_seconds{}
                             : config_.source.anchor_date.value_or(organisation_.default_anchor());
        result_.allowed_credits = organisation_.credits_allowed;
        result_.daily_credits = organisation_.credits_allowed + organisation_.credits_reserved;
        result_.spent_credits = target_.credits_spent;
        result_.requests_per_second = config_.source.requests_per_second;
        result_.stretch =
            stretch_within_credits(config_, organisation_.credits_allowed, clock_.wall_seconds());
    }

    /// As a sync does it: the list of modules once for extra ones, once more for every module. The
    /// fields that it looks at there are counted with their streams.
    void find_modules() {
        const auto before = client_->requests_sent();
        require_modules(*client_, config_, stop_);
        result_.own_requests += client_->requests_sent() - before;
        if (config_.every_module) {
            expand_every_module(*client_, fields_, config_, stop_);
            ++result_.own_requests;
        }
        choose_modes(*client_, fields_, config_, stop_);
    }

    [[nodiscard]] const StreamState* state_of(const StreamConfig& stream) const {
        const auto found = states_.find(stream.endpoint.stream + "\n" + stream.target.text());
        return found == states_.end() ? nullptr : &found->second;
    }

    StreamPlan plan_stream(const StreamConfig& stream) {
        StreamPlan plan;
        plan.stream = stream.endpoint.stream;
        plan.module = stream.endpoint.module;
        plan.target = stream.target.text();
        plan.mode = to_string(stream.mode);
        plan.mode_reason = stream.mode_reason;
        try {
            auto wanted = stream.endpoint.kind == EndpointKind::records ? plan_records(stream, plan)
                                                                        : plan_loose(stream, plan);
            wanted.is_snapshot = stream.mode == StreamMode::snapshot;
            plan.ddl = preview_table(config_, stream, wanted, target_.has_state);
        } catch (const SyncError& error) {
            const auto reaction = reaction_to(error.kind());
            if (reaction != Reaction::deny_stream && reaction != Reaction::block_stream) {
                throw;
            }
            plan.problem = error.what();
        }
        return plan;
    }

    StreamSchema plan_records(const StreamConfig& stream, StreamPlan& plan) {
        const auto fields = fields_.get(*client_, stream.endpoint.module, stop_);
        auto wanted = schema_of_records(stream.target, *fields, stream.select, stream.columns);
        const auto asked = asked_schema(wanted);
        plan.fields = fields_to_ask(asked).size();
        plan.slices = slices_of(asked).size();
        plan.formula_fields = count_formulas(wanted);
        wanted.lines = wanted_lines(config_, stream, fields_, *client_, nullptr, stop_);
        plan.line_tables = wanted.lines.size();
        plan.has_details = wants_details(config_, stream) && wanted.has_details();
        if (stream.mode == StreamMode::definition_only) {
            return wanted;
        }
        if (!wanted.version_column) {
            const auto names = fields_to_ask(wanted);
            plan_whole(stream, names.size() > 1 ? names[1] : beside_a_lone_id, plan);
            return wanted;
        }
        plan.from = stream.window ? stream.window->begin : begin_of_scan(stream, wanted);
        const auto count = count_from(stream, *plan.from);
        plan.rows = stream.limit ? std::min(count.rows, *stream.limit) : count.rows;
        plan.rows_are_exact = count.is_exact;
        if (plan.has_details) {
            plan_details(stream, wanted, plan);
        }
        return wanted;
    }

    /// See WholeRun.
    void plan_whole(const StreamConfig& stream, const std::string& field, StreamPlan& plan) {
        plan.mode = to_string(read_whole(stream).mode);
        plan.mode_reason = why_read_whole;
        plan.is_whole = true;
        const auto count = count_whole_list(*client_, stream.endpoint.module, field, stop_);
        plan.rows = count.rows;
        plan.rows_are_exact = count.is_exact;
    }

    /// What waits in the table, and what this sync brings: everything at first, then what is newer
    /// than the mark. What is read again below it changes no row.
    void plan_details(const StreamConfig& stream, const StreamSchema& wanted, StreamPlan& plan) {
        const auto* state = state_of(stream);
        plan.details = *plan.rows;
        if (state == nullptr) {
            return;
        }
        const auto sink = make_sink(config_.target, config_.daemon.state_schema);
        const auto known = sink->known_columns(stream.target);
        const bool all_wait = std::ranges::any_of(wanted.columns, [&](const Column& column) {
            const auto* before = column_of_field(known, column);
            return column.is_detail && (before == nullptr || !before->is_detail);
        });
        const auto waiting = all_wait ? std::nullopt : sink->details_backlog(stream.target);
        plan.details_waiting = waiting ? *waiting : sink->count_rows(stream.target);
        if (state->high_water_mark && !stream.window) {
            plan.details =
                count_since(stream, *state->high_water_mark + std::chrono::seconds(1)).rows;
        }
        plan.details += plan.details_waiting;
    }

    RecordCount count_from(const StreamConfig& stream, std::chrono::sys_seconds from) {
        RecordCount count = count_since(stream, from);
        if (stream.window) {
            const auto later = count_since(stream, stream.window->end + std::chrono::seconds(1));
            count.rows -= std::min(count.rows, later.rows);
            count.is_exact = count.is_exact && later.is_exact;
        }
        return count;
    }

    RecordCount count_since(const StreamConfig& stream, std::chrono::sys_seconds from) {
        RecordCount count;
        if (const auto exact = count_records(*client_, stream.endpoint.module, from, stop_)) {
            count.rows = *exact;
            if (!stream.window) {
                counted_.insert(stream.endpoint.stream);
            }
        } else {
            count = sample_records(*client_, stream.endpoint.module, from, stop_);
        }
        return count;
    }

    /// See RecordsRun::lower_bound.
    [[nodiscard]] std::chrono::sys_seconds begin_of_scan(const StreamConfig& stream,
                                                         const StreamSchema& wanted) const {
        const auto* state = state_of(stream);
        if (state == nullptr || !state->anchor) {
            return result_.anchor;
        }
        const bool has_configured = config_.source.read_everything || config_.source.anchor_date;
        const bool moved_back = has_configured && result_.anchor < *state->anchor;
        const auto anchor = moved_back ? result_.anchor : *state->anchor;
        const bool is_staged = is_full_walk(stream.mode);
        const auto stored = stored_scan_from(state->scan);
        const auto hash = mapping_hash(wanted);
        // A table that gets no columns keeps its mapping, whatever fields Zoho has got.
        const bool is_kept = !wanted.options.adds_columns && !state->mapping_hash.empty();
        const auto fresh = [&] {
            if (is_staged || moved_back || (state->mapping_hash != hash && !is_kept)) {
                return anchor;
            }
            const auto complete = complete_as_of(*state);
            const auto mark = complete ? complete : state->high_water_mark;
            return mark ? std::max(anchor, *mark - config_.daemon.overlap) : anchor;
        }();
        const bool resumes = stored && stored->window.empty() && stored->is_staged == is_staged &&
                             stored->mapping_hash == hash && stored->progress.start <= fresh;
        return resumes ? stored->progress.at : fresh;
    }

    StreamSchema plan_loose(const StreamConfig& stream, StreamPlan& plan) {
        auto wanted = empty_loose_schema(stream.target);
        if (stream.mode == StreamMode::definition_only) {
            plan.fields = wanted.columns.size();
            return wanted;
        }
        std::uint64_t pages = 1;
        if (read_loose_page(stream, 1, wanted, plan)) {
            pages = last_page(stream, plan);
        }
        plan.fields = wanted.columns.size();
        plan.requests = pages;
        return wanted;
    }

    bool
    read_loose_page(const StreamConfig& stream, int page, StreamSchema& wanted, StreamPlan& plan) {
        const auto kind = stream.endpoint.kind;
        const auto reply = client_->get(loose_page_request(kind, page), stop_);
        if (!reply.has_body()) {
            return false;
        }
        (void)add_columns_that_appear(
            *reply.body, loose_list_key(kind), stream.select, wanted, stream.columns);
        RecordDecoder decoder;
        decoder.set_shape({wanted.columns, std::nullopt, false});
        Batch batch(wanted.columns.size());
        const auto info = decoder.decode(*reply.body, loose_list_key(kind), batch);
        plan.rows = static_cast<std::uint64_t>(page - 1) * rows_per_page + info.rows;
        return loose_list_goes_on(kind, info);
    }

    /// By doubling and halving, so that thousands of users cost a dozen credits.
    std::uint64_t last_page(const StreamConfig& stream, StreamPlan& plan) {
        constexpr int most_pages = 1 << 16;
        StreamSchema ignored = empty_loose_schema({});
        int low = 1; // Has more behind it.
        int high = 2;
        while (high < most_pages && read_loose_page(stream, high, ignored, plan)) {
            low = high;
            high *= 2;
        }
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            (read_loose_page(stream, middle, ignored, plan) ? low : high) = middle;
        }
        (void)read_loose_page(stream, high, ignored, plan);
        return static_cast<std::uint64_t>(high);
    }

    void look_for_ties() {
        std::uint64_t all = 0;
        for (const auto& plan : result_.streams) {
            all += plan.rows.value_or(0);
        }
        const auto threshold = std::max<std::uint64_t>(rows_per_page, all / notable_share_of_rows);
        const auto now = organisation_.first_contact + std::chrono::seconds(1);
        for (auto& plan : result_.streams) {
            if (plan.from && counted_.contains(plan.stream) && plan.rows.value_or(0) >= threshold) {
                plan.ties = find_ties(
                    *client_, plan.module, {*plan.from, now, *plan.rows, 0}, threshold, stop_);
            }
        }
    }

    /// Several slices are read twice, and an empty list is asked for once.
    static std::uint64_t pages_of_whole_list(const StreamPlan& plan) {
        const auto pages =
            std::max<std::uint64_t>((*plan.rows + rows_per_page - 1) / rows_per_page, 1);
        return pages * (plan.slices == 1 ? 1 : plan.slices * (*plan.rows == 0 ? 1 : 2));
    }

    /// What is done once costs nothing per cycle: a definition its field list, a range its pages.
    static void price_once(const StreamConfig& stream, StreamPlan& plan) {
        plan.requests = stream.endpoint.kind == EndpointKind::records ? 1 + plan.line_tables : 0;
        plan.requests += plan.details;
        if (stream.window) {
            plan.requests +=
                std::max<std::uint64_t>(pages_of_scan({*plan.rows, plan.ties}), 1) * plan.slices;
        }
    }

    /// Requests and credits, from what was found.
    void price(const StreamConfig& stream, StreamPlan& plan) {
        const bool is_records = stream.endpoint.kind == EndpointKind::records;
        const auto now = clock_.wall_seconds();
        if (!plan.problem.empty()) {
            plan.requests = 1;
            return;
        }
        if (!reads_everything(stream)) {
            price_once(stream, plan);
            return;
        }
        const std::uint64_t deletions =
            is_records && !plan.is_whole && stream.mode == StreamMode::incremental &&
                    stream.endpoint.has_delete_list && stream.delete_missing != DeleteMissing::none
                ? 1
                : 0;
        const auto pages = plan.is_whole ? pages_of_whole_list(plan)
                           : is_records  ? pages_of_scan({*plan.rows, plan.ties})
                                         : plan.requests;
        plan.requests_per_cycle = is_records && !plan.is_whole ? 1 + deletions : pages;
        if (plan.is_whole) {
            plan.requests = 1 + pages;
        } else if (is_records) {
            const bool is_empty = *plan.rows == 0;
            const bool rereads = is_full_walk(stream.mode);
            plan.requests_per_cycle = rereads ? pages * plan.slices : 1 + deletions;
            plan.requests = 1 + deletions + (is_empty ? 1 : pages * plan.slices);
            plan.requests += plan.line_tables + plan.details;
        }
        if (stream.schedule.is_manual()) {
            return;
        }
        const auto next = stream.schedule.next_after(now);
        plan.interval =
            stream.schedule.interval().value_or(stream.schedule.next_after(next) - next);
        const std::chrono::seconds stretched(static_cast<std::int64_t>(
            static_cast<double>(plan.interval->count()) * result_.stretch));
        plan.credits_per_day =
            runs_per_day(stretched) * static_cast<double>(plan.requests_per_cycle);
        if (is_records) {
            plan.credits_per_day += runs_per_day(std::max(stretched, config_.daemon.metadata)) *
                                    static_cast<double>(1 + plan.line_tables);
        }
        if (!keeps_equal(stream)) {
            return;
        }
        plan.verification_per_day =
            per_day(config_.daemon.verify, now) * static_cast<double>(pages);
        if (is_records && stream.mode == StreamMode::incremental && plan.formula_fields > 0) {
            plan.formulas_per_day = per_day(config_.daemon.formulas, now) *
                                    static_cast<double>(pages * slices_of_formulas(plan));
        }
    }

    /// How often something that `daemon` schedules is done; never when it is off.
    static double per_day(const std::string& text, std::chrono::sys_seconds now) {
        const auto schedule = Schedule::parse(text);
        if (schedule.is_manual()) {
            return 0;
        }
        const auto first = schedule.next_after(now);
        return runs_per_day(schedule.interval().value_or(schedule.next_after(first) - first));
    }

    static std::uint64_t slices_of_formulas(const StreamPlan& plan) {
        const auto in_a_slice = max_fields_per_call - 2; // Each has id and Modified_Time.
        return (plan.formula_fields + in_a_slice - 1) / in_a_slice;
    }

    Config config_;
    Clock& clock_;
    const std::stop_token& stop_;
    RequestGate gate_;
    ZohoSession session_;
    std::unique_ptr<ApiClient> client_;
    FieldCatalog fields_;
    TargetInspection target_;
    Organisation organisation_;
    std::map<std::string, StreamState> states_; ///< By stream and target.
    std::set<std::string> counted_;             ///< Streams that Zoho counted.
    SyncPlan result_;
};

} // namespace

ExitCode plan_verb(const Config& config, bool as_json, Clock& clock, const std::stop_token& stop) {
    const auto plan = Planner(config, clock, stop).plan();
    std::cout << (as_json ? plan.json() : plan.text());
    return plan.has_problems() ? ExitCode::failure : ExitCode::ok;
}

} // namespace zohosyncd
