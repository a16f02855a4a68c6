"""Takes the records in a folder apart with aws_kinesis_agg, as a Lambda function does.

One line of JSON for each record that comes out.
"""

import base64
import json
import pathlib
import sys

from aws_kinesis_agg.deaggregator import deaggregate_records

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.bin")):
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
            "partitionKey": "container",
            "data": base64.b64encode(path.read_bytes()).decode(),
        }
    }
    for taken in deaggregate_records([record]):
        taken = taken["kinesis"]
        data = taken["data"]
        line = {
            "file": path.name,
            "is_member": "subSequenceNumber" in taken,
            "partition_key": taken["partitionKey"],
            "data": data.decode() if isinstance(data, bytes) else data,
        }
        print(json.dumps(line))
