package segue.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams with exactly_once_v2: state store with a changelog, changes to a topic, rows to Postgres. */
public final class Streams {
    private Streams() {}

    public static void main(String[] arguments) throws Exception {
        Job job = new ObjectMapper().readValue(new File(arguments[0]), Job.class);
        ThreadLocal<Rows> rows = ThreadLocal.withInitial(() -> new Rows(job.jdbc()));
        CountDownLatch stopped = new CountDownLatch(1);
        KafkaStreams streams = new KafkaStreams(topology(job, rows), settings(job), new Clients(rows));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((state, former) -> {
            if (state == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static Topology topology(Job job, ThreadLocal<Rows> rows) {
        var store = Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(Segmenter.STORE), Serdes.String(), Profile.serde())
                .withCachingEnabled();
        var strings = Serdes.String();
        var bytes = Serdes.ByteArray();
        return new Topology()
                .addSource("invoices", strings.deserializer(), bytes.deserializer(), job.topic())
                .addProcessor("segmenter", () -> new Segmenter(job.model(), rows), "invoices")
                .addStateStore(store, "segmenter")
                .addSink("changes", job.changes(), strings.serializer(), bytes.serializer(), "segmenter");
    }

    private static Properties settings(Job job) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.group());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.servers());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, job.threads());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, job.folder());
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6_000);
        settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 2_000);
        return settings;
    }
}
