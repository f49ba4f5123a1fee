package segue.bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;

/** What the program is asked to do; benchmarks/compare/programs/job.py describes the fields. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Job(
        String servers, String topic, String group, String changes, String jdbc, Model model, int threads, String folder) {

    /** The part of a segment model that decides: the nearest centroid in standardised space. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Model(double[] means, double[] scales, List<Segment> segments) {

        String nearest(long recencyDays, long frequency, double monetary) {
            double[] point = {standardised(0, recencyDays), standardised(1, frequency), standardised(2, monetary)};
            Segment nearest = null;
            double least = Double.POSITIVE_INFINITY;
            for (Segment segment : segments) {
                double distance = 0;
                for (int feature = 0; feature < point.length; feature++) {
                    double difference = point[feature] - segment.centroid[feature];
                    distance += difference * difference;
                }
                if (distance < least) {
                    least = distance;
                    nearest = segment;
                }
            }
            return nearest.id;
        }

        private double standardised(int feature, double value) {
            return (Math.log1p(value) - means[feature]) / scales[feature];
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Segment(String id, double[] centroid) {}
}
