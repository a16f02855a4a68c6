"""Puts the records on standard input, one JSON object per line, into one with aws_kinesis_agg; prints it as base64."""

import base64
import json
import sys

from aws_kinesis_agg.aggregator import RecordAggregator

aggregator = RecordAggregator()
for line in sys.stdin:
    record = json.loads(line)
    full = aggregator.add_user_record(
        record["partition_key"], base64.b64decode(record["data"]), record["explicit_hash_key"]
    )
    assert full is None, "more records than fit into one"
_partition_key, _explicit_hash_key, data = aggregator.clear_and_get().get_contents()
print(base64.b64encode(data).decode())
