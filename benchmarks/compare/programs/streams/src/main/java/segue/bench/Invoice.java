package segue.bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;

/** What the program needs of an invoice. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Invoice(
        @JsonProperty("transaction_id") String transactionId,
        @JsonProperty("customer_id") String customerId,
        @JsonProperty("occurred_at") String occurredAt,
        String kind,
        String amount) {}
