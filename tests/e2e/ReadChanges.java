import java.io.FileReader;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Prints every change that is in a topic now: partition, key, value. Arguments: a file of settings, the topic. */
public class ReadChanges {
    public static void main(String[] arguments) throws Exception {
        var properties = new Properties();
        properties.load(new FileReader(arguments[0]));
        try (var consumer = new KafkaConsumer<String, String>(properties)) {
            var partitions = consumer.partitionsFor(arguments[1]).stream()
                .map(partition -> new TopicPartition(partition.topic(), partition.partition())).toList();
            var ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            partitions.forEach(partition -> consumer.seek(partition, 0));
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition)))
                consumer.poll(Duration.ofMillis(200)).forEach(
                    record -> System.out.println(record.partition() + " " + record.key() + " " + record.value()));
        }
    }
}
