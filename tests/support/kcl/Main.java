import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkResponse;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.GetRecordsRequest;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorResponse;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.HashKeyRangeForLease;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.Lease;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.leases.LeaseRefresher;
import software.amazon.kinesis.leases.dynamodb.DynamoDBLeaseSerializer;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.kpl.ExtendedSequenceNumber;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * Reads a stream from its oldest record with the Kinesis Client Library and prints each user record as one line of
 * JSON. Runs until its standard input closes.
 *
 * Arguments: the endpoint of Kinesis, that of the DynamoDB that keeps the leases, the region, the stream.
 */
public final class Main {
    private static final long LEASE_TABLE_TIMEOUT_SECONDS = 30;

    public static void main(String[] arguments) throws Exception {
        String stream = arguments[3];
        Region region = Region.of(arguments[2]);
        StaticCredentialsProvider credentials =
                StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));
        ClosedShards closedShards = new ClosedShards();
        KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
                .endpointOverride(URI.create(arguments[0]))
                .region(region)
                .credentialsProvider(credentials)
                // Without TLS there is nothing that could agree on HTTP/2.
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1))
                .overrideConfiguration(configuration -> configuration.addExecutionInterceptor(closedShards))
                .build();
        DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder()
                .endpointOverride(URI.create(arguments[1]))
                .region(region)
                .credentialsProvider(credentials)
                .build();
        // Needed to build a scheduler; no metric is ever sent.
        CloudWatchAsyncClient cloudWatch =
                CloudWatchAsyncClient.builder().region(region).credentialsProvider(credentials).build();

        SingleStreamTracker tracker = new SingleStreamTracker(
                stream, InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON));
        ConfigsBuilder configs =
                new ConfigsBuilder(tracker, "brigade-kcl", kinesis, dynamo, cloudWatch, "worker", Printer::new);
        LeaseManagementConfig leases = configs.leaseManagementConfig()
                .failoverTimeMillis(1_000)
                .shardSyncIntervalMillis(1_000)
                .metricsFactory(new NullMetricsFactory());
        leases.workerUtilizationAwareAssignmentConfig()
                .inMemoryWorkerMetricsCaptureFrequencyMillis(100)
                .disableWorkerMetrics(true);
        List<Shard> shards =
                kinesis.listShards(request -> request.streamName(stream)).join().shards();
        closedShards.shards = shards;
        createLeases(leases, shards);
        Scheduler scheduler = new Scheduler(
                configs.checkpointConfig(),
                // Members of other shards are only looked for if the shards are listed at the start.
                configs.coordinatorConfig()
                        .skipShardSyncAtWorkerInitializationIfLeasesExist(false)
                        .parentShardPollIntervalMillis(100)
                        .shardConsumerDispatchPollIntervalMillis(100),
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsLevel(MetricsLevel.NONE).metricsFactory(new NullMetricsFactory()),
                configs.processorConfig(),
                configs.retrievalConfig()
                        .retrievalSpecificConfig(new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200)));
        Thread reading = new Thread(scheduler);
        reading.setDaemon(true);
        reading.start();
        while (System.in.read() >= 0) {
            // Nothing is said there.
        }
        Runtime.getRuntime().halt(0);
    }

    /** A worker that finds no leases waits up to half a minute in case another one is writing them. */
    private static void createLeases(LeaseManagementConfig leases, List<Shard> shards) throws Exception {
        LeaseRefresher refresher =
                leases.leaseManagementFactory(new DynamoDBLeaseSerializer(), false).createLeaseRefresher();
        refresher.createLeaseTableIfNotExists();
        refresher.waitUntilLeaseTableExists(1, LEASE_TABLE_TIMEOUT_SECONDS);
        refresher.createLeaseOwnerToLeaseKeyIndexIfNotExists();
        refresher.waitUntilLeaseOwnerToLeaseKeyIndexExists(1, LEASE_TABLE_TIMEOUT_SECONDS);
        Set<String> known = Set.copyOf(shards.stream().map(Shard::shardId).toList());
        for (Shard shard : shards) {
            Lease lease = new Lease();
            lease.leaseKey(shard.shardId());
            lease.leaseCounter(0L);
            lease.ownerSwitchesSinceCheckpoint(0L);
            lease.checkpoint(ExtendedSequenceNumber.TRIM_HORIZON);
            lease.hashKeyRange(HashKeyRangeForLease.fromHashKeyRange(shard.hashKeyRange()));
            lease.parentShardIds(parents(shard).filter(known::contains).toList());
            refresher.createLeaseIfNotExists(lease);
        }
    }

    private static Stream<String> parents(Shard shard) {
        return Stream.of(shard.parentShardId(), shard.adjacentParentShardId()).filter(parent -> parent != null);
    }

    /**
     * Names the children of a closed shard on its last page. AWS does it, the servers of tests do not, and without it
     * the library asks for the last page again for ever.
     */
    private static final class ClosedShards implements ExecutionInterceptor {
        private final Map<String, String> shardOfIterator = new ConcurrentHashMap<>();
        private volatile List<Shard> shards = List.of();

        @Override
        public SdkResponse modifyResponse(Context.ModifyResponse context, ExecutionAttributes attributes) {
            if (context.request() instanceof GetShardIteratorRequest request
                    && context.response() instanceof GetShardIteratorResponse answer) {
                shardOfIterator.put(answer.shardIterator(), request.shardId());
            }
            if (context.request() instanceof GetRecordsRequest request
                    && context.response() instanceof GetRecordsResponse answer) {
                String shard = shardOfIterator.get(request.shardIterator());
                if (answer.nextShardIterator() == null) {
                    return answer.toBuilder().childShards(children(shard)).build();
                }
                shardOfIterator.put(answer.nextShardIterator(), shard);
            }
            return context.response();
        }

        private List<ChildShard> children(String parent) {
            return shards.stream()
                    .filter(shard -> parents(shard).anyMatch(parent::equals))
                    .map(shard -> ChildShard.builder()
                            .shardId(shard.shardId())
                            .parentShards(parents(shard).toList())
                            .hashKeyRange(shard.hashKeyRange())
                            .build())
                    .toList();
        }
    }

    private static final class Printer implements ShardRecordProcessor {
        private String shard;

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            StringBuilder lines = new StringBuilder();
            for (KinesisClientRecord record : input.records()) {
                ByteBuffer data = record.data();
                byte[] payload = new byte[data.remaining()];
                data.get(payload);
                lines.append(String.format(
                        "{\"shard\":\"%s\",\"sequence_number\":\"%s\",\"member\":%s,\"partition_key\":\"%s\",\"data\":\"%s\"}%n",
                        shard,
                        record.sequenceNumber(),
                        record.aggregated() ? Long.toString(record.subSequenceNumber()) : "null",
                        base64(record.partitionKey().getBytes(StandardCharsets.UTF_8)),
                        base64(payload)));
            }
            synchronized (System.out) {
                System.out.print(lines);
                System.out.flush();
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {}

        @Override
        public void shardEnded(ShardEndedInput input) {
            checkpoint(input.checkpointer()::checkpoint);
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            checkpoint(input.checkpointer()::checkpoint);
        }

        private static String base64(byte[] bytes) {
            return Base64.getEncoder().encodeToString(bytes);
        }

        private static void checkpoint(Checkpoint checkpoint) {
            try {
                checkpoint.run();
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }
    }

    private interface Checkpoint {
        void run() throws Exception;
    }
}
