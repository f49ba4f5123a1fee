package segue.bench;

import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The rows of one thread that wait for the next commit.
 *
 * <p>They are written just before the Kafka transaction commits, so a committed invoice never lacks its rows. An aborted
 * Kafka transaction is repeated with the same result, and writes the same rows again.
 */
final class Rows {
    private static final String CUSTOMERS =
            """
            INSERT INTO customers
            SELECT * FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::integer[], ?::numeric[], ?::numeric[],
              ?::text[], ?::integer[])
            ON CONFLICT (customer_id) DO UPDATE SET as_of = excluded.as_of, bought = excluded.bought,
              frequency = excluded.frequency, gross = excluded.gross, returned = excluded.returned,
              segment = excluded.segment, sequence = excluded.sequence
            """;
    private static final String CHANGES =
            """
            INSERT INTO changes
            SELECT * FROM unnest(?::text[], ?::integer[], ?::text[], ?::text[], ?::bigint[], ?::integer[], ?::text[])
            ON CONFLICT (customer_id, sequence) DO NOTHING
            """;
    private static final String COUNT =
            """
            INSERT INTO applied VALUES (?, ?)
            ON CONFLICT (id) DO UPDATE SET transactions = applied.transactions + excluded.transactions
            """;

    private final Connection connection;
    private final Map<String, Profile> customers = new LinkedHashMap<>();
    private final List<Change> changes = new ArrayList<>();
    private long transactions;

    Rows(String url) {
        try {
            connection = DriverManager.getConnection(url);
            connection.setAutoCommit(false);
        } catch (SQLException error) {
            throw new IllegalStateException(error);
        }
    }

    void add(String customerId, Profile profile, Change change) {
        customers.put(customerId, profile);
        if (change != null) {
            changes.add(change);
        }
        transactions++;
    }

    void clear() {
        customers.clear();
        changes.clear();
        transactions = 0;
    }

    void write() {
        if (transactions == 0) {
            return;
        }
        try {
            writeCustomers();
            writeChanges();
            try (PreparedStatement statement = connection.prepareStatement(COUNT)) {
                statement.setInt(1, (int) (Thread.currentThread().getId() % 1_000));
                statement.setLong(2, transactions);
                statement.executeUpdate();
            }
            connection.commit();
            clear();
        } catch (SQLException error) {
            throw new IllegalStateException(error);
        }
    }

    private void writeCustomers() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(CUSTOMERS)) {
            statement.setArray(1, array("text", customers.keySet(), id -> id));
            Collection<Profile> all = customers.values();
            statement.setArray(2, array("bigint", all, Profile::asOf));
            statement.setArray(3, array("bigint", all, each -> each.bought() == Profile.NEVER ? null : each.bought()));
            statement.setArray(4, array("integer", all, each -> (int) each.frequency()));
            statement.setArray(5, array("numeric", all, each -> Profile.money(each.gross())));
            statement.setArray(6, array("numeric", all, each -> Profile.money(each.returned())));
            statement.setArray(7, array("text", all, Profile::segment));
            statement.setArray(8, array("integer", all, Profile::sequence));
            statement.executeUpdate();
        }
    }

    private void writeChanges() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(CHANGES)) {
            statement.setArray(1, array("text", changes, Change::customerId));
            statement.setArray(2, array("integer", changes, Change::sequence));
            statement.setArray(3, array("text", changes, Change::fromSegment));
            statement.setArray(4, array("text", changes, Change::toSegment));
            statement.setArray(5, array("bigint", changes, Change::effectiveAt));
            statement.setArray(6, array("integer", changes, each -> (int) each.frequency()));
            statement.setArray(7, array("text", changes, Change::transactionId));
            statement.executeUpdate();
        }
    }

    private <T> Array array(String type, Collection<T> rows, Function<T, Object> column) throws SQLException {
        return connection.createArrayOf(type, rows.stream().map(column).toArray());
    }
}
