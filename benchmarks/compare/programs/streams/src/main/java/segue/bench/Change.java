package segue.bench;

import com.fasterxml.jackson.annotation.JsonProperty;

/** A segment change, as it is published. */
record Change(
        @JsonProperty("customer_id") String customerId,
        int sequence,
        @JsonProperty("from_segment") String fromSegment,
        @JsonProperty("to_segment") String toSegment,
        @JsonProperty("effective_at") long effectiveAt,
        long frequency,
        @JsonProperty("transaction_id") String transactionId) {}
