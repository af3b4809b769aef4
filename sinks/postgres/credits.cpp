#include "sinks/postgres/credits.hpp"

#include "daemon/runtime/failpoint.hpp"

namespace zohosyncd::postgres {

std::uint64_t
spend_credits(Session& session, const std::string& connection, std::uint64_t credits) {
    const auto table = session.state_table("credits");
    const auto sum = [&](pqxx::work& tx) {
        return tx
            .exec_params1(
                "SELECT coalesce(sum(credits), 0) FROM " + table +
                    " WHERE connection = $1 AND minute > now() - interval '24 hours 1 minute'",
                connection)[0]
            .as<std::uint64_t>();
    };
    if (credits == 0) {
        return session.read("read the credits", sum);
    }
    return session.write("count credits", {}, [&](pqxx::work& tx) {
        ZOHOSYNCD_FAILPOINT("postgres.credits");
        tx.exec_params(
            "INSERT INTO " + table +
                " AS c (connection, minute, credits) VALUES ($1, date_trunc('minute', now()), $2)"
                " ON CONFLICT (connection, minute) DO UPDATE SET credits = c.credits + "
                "excluded.credits",
            connection,
            credits);
        tx.exec_params("DELETE FROM " + table +
                           " WHERE connection = $1 AND minute < now() - interval '25 hours'",
                       connection);
        return sum(tx);
    });
}

} // namespace zohosyncd::postgres
