package segue.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Counts each invoice for its customer, and forwards a change if the customer's segment is another one then. */
final class Segmenter implements Processor<String, byte[], String, byte[]> {
    static final String STORE = "profiles";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ObjectReader reader = JSON.readerFor(Invoice.class);
    private final ObjectWriter writer = JSON.writerFor(Change.class);
    private final Job.Model model;
    private final ThreadLocal<Rows> rows;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Profile> profiles;

    Segmenter(Job.Model model, ThreadLocal<Rows> rows) {
        this.model = model;
        this.rows = rows;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        profiles = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        try {
            Invoice invoice = reader.readValue(record.value());
            Profile stored = profiles.get(invoice.customerId());
            Profile before = stored == null ? Profile.NEW : stored;
            Profile after = before.after(invoice, model);
            profiles.put(invoice.customerId(), after);
            rows.get().add(invoice.customerId(), after, changed(invoice, before, after, record));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private Change changed(Invoice invoice, Profile before, Profile after, Record<String, byte[]> record)
            throws JsonProcessingException {
        if (after.sequence() == before.sequence()) {
            return null;
        }
        Change change = new Change(
                invoice.customerId(),
                after.sequence(),
                before.segment(),
                after.segment(),
                after.asOf(),
                after.frequency(),
                invoice.transactionId());
        context.forward(record.withValue(writer.writeValueAsBytes(change)));
        return change;
    }
}
