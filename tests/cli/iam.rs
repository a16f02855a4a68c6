//! The policy that `brigade iam` prints.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder};

/// A task of a bucket and a stream, by their lines in the configuration.
fn task(s3: &str, kinesis: &str) -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    let text = format!(
        "version: 1\ntask: orders\nmigration_type: full-load-and-cdc\nsource:\n  s3: {{ {s3}, cdc_path: cdc }}\n  \
         tables: ./table-definition.json\ntarget:\n  kinesis: {{ {kinesis} }}\n"
    );
    task.write("brigade.yaml", &text);
    task
}

fn policy(task: &TaskFolder, more: &[&str]) -> Value {
    let ended = task.brigade(&[&["iam"], more].concat()).expect(0);
    assert!(ended.stderr.contains("KMS"), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_default()
}

#[test]
fn a_policy_allows_what_the_task_reads_and_writes_and_nothing_else() {
    let task = task(
        "bucket: my-bucket, bucket_folder: in, region: eu-west-1",
        "stream: orders, region: eu-west-1",
    );
    let stream = "arn:aws:kinesis:eu-west-1:*:stream/orders";
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ListFolders", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::my-bucket",
                "Condition": { "StringLike": { "s3:prefix": ["in/", "in/cdc/*", "in/shop/orders/*"] } },
            },
            {
                "Sid": "ReadFiles", "Effect": "Allow", "Action": "s3:GetObject",
                "Resource": ["arn:aws:s3:::my-bucket/in/cdc/*", "arn:aws:s3:::my-bucket/in/shop/orders/*"],
            },
            {
                "Sid": "WriteStream", "Effect": "Allow", "Resource": stream,
                "Action": ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecords"],
            },
            {
                "Sid": "ReadStreamBack", "Effect": "Allow", "Resource": stream,
                "Action": ["kinesis:GetShardIterator", "kinesis:GetRecords"],
            },
        ],
    });
    let found = policy(&task, &[]);
    assert_eq!(found, expected, "{found:#}");
    let without = policy(&task, &["--without-reading"]);
    assert_eq!(
        without["Statement"].as_array().map(Vec::len),
        Some(3),
        "{without:#}"
    );
}

#[test]
fn arns_stay_what_they_are_and_regions_that_are_not_known_are_any() {
    let task = task(
        "bucket: \"arn:aws:s3:eu-west-1:123456789012:accesspoint/in\"",
        "stream: \"arn:aws:kinesis:eu-west-1:123456789012:stream/orders\"",
    );
    let found = policy(&task, &[]);
    let resource = |index: usize| &found["Statement"][index]["Resource"];
    assert_eq!(resource(0), "arn:aws:s3:eu-west-1:123456789012:accesspoint/in");
    assert_eq!(
        resource(1)[0],
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/in/object/cdc/*"
    );
    assert_eq!(
        resource(2),
        "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
    );
    let task = self::task("bucket: my-bucket", "stream: orders");
    assert_eq!(
        policy(&task, &[])["Statement"][2]["Resource"],
        "arn:aws:kinesis:*:*:stream/orders"
    );
}

#[test]
fn a_task_that_is_not_in_aws_needs_no_rights() {
    let task = TaskFolder::new(&Settings::default());
    let ended = task.brigade(&["iam"]).expect(64);
    assert!(ended.stderr.contains("needs no rights"), "{ended:?}");
}

#[test]
fn a_task_that_tells_of_its_events_may_do_that_and_nothing_more() {
    let task = task("bucket: my-bucket", "stream: orders, region: eu-west-1");
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap_or_default();
    let topic = "arn:aws:sns:eu-west-1:111122223333:ops";
    let sinks = format!(
        "events: {{ sinks: {{ eventbridge: {{ bus: ops, region: eu-west-1 }}, sns: {{ topic: \"{topic}\" }} }} }}\n"
    );
    task.write("brigade.yaml", &(text + &sinks));
    let policy = policy(&task, &[]);
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let bus = json!({
        "Sid": "PutEvents", "Effect": "Allow", "Action": "events:PutEvents",
        "Resource": "arn:aws:events:eu-west-1:*:event-bus/ops",
    });
    assert!(statements.contains(&bus), "{policy:#}");
    let topic =
        json!({ "Sid": "PublishEvents", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic });
    assert!(statements.contains(&topic), "{policy:#}");
}
