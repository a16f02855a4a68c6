// Takes the records in a folder apart with aws-kinesis-agg, digests checked.
// One line of JSON for each record that comes out.

const fs = require('fs');
const path = require('path');
const { deaggregateSync } = require('aws-kinesis-agg');

const folder = process.argv[2];
const lines = [];
for (const file of fs.readdirSync(folder).filter((name) => name.endsWith('.bin')).sort()) {
  const record = {
    sequenceNumber: '1',
    partitionKey: 'container',
    data: fs.readFileSync(path.join(folder, file)).toString('base64'),
  };
  deaggregateSync(record, true, (error, records) => {
    if (error) {
      throw new Error(`${file}: ${error}`);
    }
    for (const taken of records) {
      lines.push(JSON.stringify({
        file,
        is_member: taken.subSequenceNumber !== undefined,
        partition_key: taken.partitionKey,
        data: taken.data,
      }) + '\n');
    }
  });
}
process.stdout.write(lines.join(''));
