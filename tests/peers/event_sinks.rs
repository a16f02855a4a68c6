//! Events on a bus and a topic of other people's `EventBridge` and SNS, read back from the queues behind them.
#![cfg(feature = "sandbox")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::servers::{self, REGION, install};
use crate::task_folder::{Settings, TaskFolder};

/// Makes a bus with a rule, two topics, and a queue behind each; prints what there is, by its ARN or URL.
const SET_UP: &str = r#"
import boto3, json, sys
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name=sys.argv[2],
                        aws_access_key_id="test", aws_secret_access_key="test")
sqs, sns, events = client("sqs"), client("sns"), client("events")
def queue(name):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "false"} if name.endswith(".fifo") else {}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn
def topic(name, behind):
    attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    arn = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=behind, Attributes={"RawMessageDelivery": "true"})
    return arn
bus_queue, plain_queue, fifo_queue = queue("bus"), queue("plain"), queue("ordered.fifo")
events.create_event_bus(Name="ops")
pattern = {"source": ["brigade"], "detail-type": ["DMS Replication Task State Change"]}
events.put_rule(Name="all", EventBusName="ops", EventPattern=json.dumps(pattern))
events.put_targets(Rule="all", EventBusName="ops", Targets=[{"Id": "1", "Arn": bus_queue[1]}])
print(json.dumps({
    "plain": topic("plain", plain_queue[1]), "fifo": topic("ordered.fifo", fifo_queue[1]),
    "queues": [bus_queue[0], plain_queue[0], fifo_queue[0]],
}))
"#;

/// Prints what a queue has, as a list.
const RECEIVE: &str = r#"
import boto3, json, sys
sqs = boto3.client("sqs", endpoint_url=sys.argv[1], region_name=sys.argv[2],
                   aws_access_key_id="test", aws_secret_access_key="test")
bodies = []
while True:
    answer = sqs.receive_message(QueueUrl=sys.argv[3], MaxNumberOfMessages=10)
    messages = answer.get("Messages", [])
    for message in messages:
        bodies.append(json.loads(message["Body"]))
        sqs.delete_message(QueueUrl=sys.argv[3], ReceiptHandle=message["ReceiptHandle"])
    if not messages:
        break
print(json.dumps(bodies))
"#;

fn python(python: &Path, program: &str, arguments: &[&str]) -> Value {
    let output = Command::new(python)
        .args(["-c", program])
        .args(arguments)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Types of events, in the order of a list.
fn types(events: &Value) -> Vec<&str> {
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| event["detail"]["eventType"].as_str().unwrap())
        .collect()
}

const RUN: [&str; 3] = [
    "REPLICATION_TASK_CREATED",
    "REPLICATION_TASK_STARTED",
    "REPLICATION_TASK_STOPPED",
];

#[test]
fn a_bus_and_a_topic_are_told_what_the_log_of_events_has() {
    let Some(server) = servers::moto() else { return };
    let interpreter = install::moto().unwrap();
    let made = python(&interpreter, SET_UP, &[&server.endpoint, REGION]);
    let received = |queue: usize| {
        let url = made["queues"][queue].as_str().unwrap();
        python(&interpreter, RECEIVE, &[&server.endpoint, REGION, url])
    };
    let lines = |task: &TaskFolder| -> Vec<Value> {
        let text = std::fs::read_to_string(task.path().join("state/events.jsonl")).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    };
    for (topic, queue) in [("plain", 1), ("fifo", 2)] {
        let task = TaskFolder::new(&Settings::default());
        let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
        let (endpoint, topic) = (&server.endpoint, made[topic].as_str().unwrap());
        let sinks = format!(
            "events:\n  sinks:\n    eventbridge: {{ bus: ops, region: {REGION}, endpoint: \"{endpoint}\" }}\n    \
             sns: {{ topic: \"{topic}\", endpoint: \"{endpoint}\" }}\n"
        );
        task.write("brigade.yaml", &(text + &sinks));
        task.brigade(&["run", "--once"]).expect(0);
        let (of_bus, of_topic, log) = (received(0), received(queue), lines(&task));
        assert_eq!(types(&of_bus), RUN, "{of_bus:#}");
        assert_eq!(
            of_topic,
            Value::Array(log.clone()),
            "the same as in the log, in its order"
        );
        let (event, logged) = (&of_bus[1], &log[1]);
        for name in ["source", "detail-type", "resources"] {
            assert_eq!(event[name], logged[name], "{name}: {event:#}");
        }
        // A bus keeps seconds.
        let second = |event: &Value| {
            event["time"]
                .as_str()
                .and_then(|time| time.get(..19))
                .map(str::to_owned)
        };
        assert_eq!(second(event), second(logged), "{event:#}");
        assert_eq!(
            event["detail"]["id"], logged["id"],
            "repeats are told by it: {event:#}"
        );
        assert_eq!(
            event["detail"]["detailMessage"],
            logged["detail"]["detailMessage"]
        );
    }
}

#[test]
fn a_bus_that_does_not_exist_or_a_topic_holds_nothing_up() {
    let Some(server) = servers::moto() else { return };
    let task = TaskFolder::new(&Settings::default());
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    let endpoint = &server.endpoint;
    let sinks = format!(
        "events:\n  sinks:\n    sns: {{ topic: \"arn:aws:sns:{REGION}:111122223333:nothing\", endpoint: \"{endpoint}\" }}\n"
    );
    task.write("brigade.yaml", &(text + &sinks));
    let mut command = task.command(&["run", "--once"]);
    let output = command.env("BRIGADE_LOG", "warn").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("an event is not taken") && text.contains("NotFound"),
        "{text}"
    );
}
