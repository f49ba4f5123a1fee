package segue.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** A customer; money in ten-thousandths, moments in microseconds since 1970. */
record Profile(long asOf, long bought, long frequency, long gross, long returned, String segment, int sequence) {
    static final long NEVER = Long.MIN_VALUE;
    static final Profile NEW = new Profile(0, NEVER, 0, 0, 0, null, 0);
    private static final long MICROS_PER_DAY = 86_400_000_000L;
    private static final int MONEY_UNITS = 10_000;
    private static final OffsetDateTime EPOCH = OffsetDateTime.parse("1970-01-01T00:00:00Z");

    /** The customer after one more invoice. */
    Profile after(Invoice invoice, Job.Model model) {
        long at = ChronoUnit.MICROS.between(EPOCH, OffsetDateTime.parse(invoice.occurredAt()));
        long amount = new BigDecimal(invoice.amount()).movePointRight(4).longValueExact();
        long now = Math.max(asOf, at);
        Profile counted = invoice.kind().equals("sale")
                ? new Profile(now, Math.max(bought, at), frequency + 1, gross + amount, returned, segment, sequence)
                : new Profile(now, bought, frequency, gross, returned + amount, segment, sequence);
        return counted.bought == NEVER ? counted : counted.assigned(model);
    }

    private Profile assigned(Job.Model model) {
        double monetary = Math.max(gross - returned, 0) / (double) MONEY_UNITS;
        String nearest = model.nearest((asOf - bought) / MICROS_PER_DAY, frequency, monetary);
        if (nearest.equals(segment)) {
            return this;
        }
        return new Profile(asOf, bought, frequency, gross, returned, nearest, sequence + 1);
    }

    static BigDecimal money(long units) {
        return BigDecimal.valueOf(units, 4);
    }

    static Serde<Profile> serde() {
        return Serdes.serdeFrom((topic, profile) -> profile.bytes(), reader());
    }

    private byte[] bytes() {
        byte[] name = segment == null ? new byte[0] : segment.getBytes(UTF_8);
        return ByteBuffer.allocate(5 * Long.BYTES + Integer.BYTES + name.length)
                .putLong(asOf)
                .putLong(bought)
                .putLong(frequency)
                .putLong(gross)
                .putLong(returned)
                .putInt(sequence)
                .put(name)
                .array();
    }

    private static Deserializer<Profile> reader() {
        return (topic, bytes) -> {
            if (bytes == null) {
                return null;
            }
            ByteBuffer read = ByteBuffer.wrap(bytes);
            long asOf = read.getLong(), bought = read.getLong(), frequency = read.getLong();
            long gross = read.getLong(), returned = read.getLong();
            int sequence = read.getInt();
            String segment = read.hasRemaining() ? UTF_8.decode(read).toString() : null;
            return new Profile(asOf, bought, frequency, gross, returned, segment, sequence);
        };
    }
}
