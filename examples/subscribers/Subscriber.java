// Append every segment change to a file. The file is the place, too: the program can be killed and started again.
//
// mvn -q dependency:copy-dependencies -DoutputDirectory=lib
// java -cp 'lib/*' Subscriber.java 127.0.0.1:9092 changes.tsv

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Subscriber {
    static final String TOPIC = "segue.segment-changes.v1";
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[1]);
        // What the file holds: by partition the next offset and the log, and by customer the last sequence.
        Map<Integer, Long> offsets = new HashMap<>();
        Map<Integer, String> logs = new HashMap<>();
        Map<String, Long> sequences = new HashMap<>();
        String held = Files.exists(file) ? Files.readString(file) : "";
        String complete = held.substring(0, held.lastIndexOf('\n') + 1);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.truncate(complete.getBytes(UTF_8).length); // without the half line of a program that was killed
        }
        for (String line : complete.lines().toList()) {
            String[] fields = line.split("\t");
            JsonNode data = JSON.readTree(fields[3]).get("data");
            offsets.put(Integer.valueOf(fields[0]), Long.parseLong(fields[1]) + 1);
            logs.put(Integer.valueOf(fields[0]), fields[2]);
            sequences.put(data.get("customer_id").asText(), data.get("sequence").asLong());
        }
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", arguments[0],
                "enable.auto.commit", false, // the offsets are in the file
                "auto.offset.reset", "earliest",
                "isolation.level", "read_committed");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(TOPIC).forEach(each -> partitions.add(new TopicPartition(TOPIC, each.partition())));
            consumer.assign(partitions);
            partitions.forEach(each -> consumer.seek(each, offsets.getOrDefault(each.partition(), 0L)));
            while (true) {
                StringBuilder lines = new StringBuilder();
                for (ConsumerRecord<String, String> change : consumer.poll(Duration.ofSeconds(1))) {
                    Header header = change.headers().lastHeader("log_id");
                    String log = header == null ? "" : new String(header.value(), UTF_8);
                    // The first record of a partition shows whether the offsets still belong to this log.
                    String expected = logs.getOrDefault(change.partition(), "");
                    logs.remove(change.partition());
                    if (!expected.isEmpty() && !expected.equals(log)) {
                        System.err.println(file + " is of another log: begin with a new file");
                        System.exit(1);
                    }
                    JsonNode data = JSON.readTree(change.value()).get("data");
                    String customer = data.get("customer_id").asText();
                    long sequence = data.get("sequence").asLong();
                    long last = sequences.getOrDefault(customer, 0L);
                    if (sequence > last + 1) {
                        String found = "change " + sequence + " follows " + last;
                        System.err.println("customer " + customer + ": " + found + ", those between are missing");
                    }
                    if (sequence > last) { // drop what is not greater: a repeat
                        sequences.put(customer, sequence);
                        String place = change.partition() + "\t" + change.offset();
                        lines.append(String.join("\t", place, log, change.value())).append('\n');
                    }
                }
                Files.writeString(file, lines, StandardOpenOption.APPEND);
            }
        }
    }
}
