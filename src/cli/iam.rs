//! `brigade iam`: the policy with exactly the rights that a task needs, for the role that runs it.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::ConfigPath;
use crate::aws::partition_of;
use crate::config::Config;
use crate::discover::folders::folders;
use crate::fault::{Fault, FaultKind};
use crate::settings::{Guarantee, SourceLocation, TargetConfig};

/// Version of the language of policies.
const POLICY_VERSION: &str = "2012-10-17";

/// Arguments of `iam`.
#[derive(Debug, Args)]
pub(super) struct IamArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Leave out what only `brigade verify`, `brigade tap` and `delivery: dedupe` need: reading the stream back
    #[arg(long)]
    without_reading: bool,
}

/// Prints the policy.
///
/// # Errors
/// If the configuration cannot be read, or nothing of the task is in AWS.
pub(super) fn run(args: &IamArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let reads_back = !args.without_reading;
    if args.without_reading
        && config.delivery.is_guarantee_chosen
        && config.delivery.guarantee == Guarantee::Dedupe
    {
        let message =
            "delivery: dedupe reads the stream back; leave out --without-reading, or write at_least_once";
        return Err(Fault::new(FaultKind::Usage, message));
    }
    let statements: Vec<Value> = [source(&config), target(&config, reads_back), events(&config)].concat();
    if statements.is_empty() {
        let message = "neither the source nor the target of this task is in AWS: it needs no rights";
        return Err(Fault::new(FaultKind::Usage, message));
    }
    let policy = json!({ "Version": POLICY_VERSION, "Statement": statements });
    super::print(&super::to_json(&policy)?)?;
    super::report(
        "note: if the bucket or the stream is encrypted with a key of KMS, the role also needs that key: kms:Decrypt to read \
         either of them, and kms:GenerateDataKey to write the stream",
    );
    Ok(0)
}

/// To list the folders of the task and nothing else, and to read what is in them.
fn source(config: &Config) -> Vec<Value> {
    let SourceLocation::S3 { bucket, region, .. } = &config.source.location else {
        return Vec::new();
    };
    let is_access_point = bucket.starts_with("arn:");
    let (bucket_arn, objects) = if is_access_point {
        (bucket.clone(), format!("{bucket}/object/"))
    } else {
        let arn = format!("arn:{}:s3:::{bucket}", partition(region.as_deref()));
        (arn.clone(), format!("{arn}/"))
    };
    let folders = folders(config).into_iter();
    let below: BTreeSet<String> = folders
        .map(|folder| format!("{}*", literal(&folder.rule.prefix)))
        .collect();
    // A start lists one name of the folder above them, to see whether it may.
    let above = literal(&config.source.bucket_folder);
    let prefixes: BTreeSet<String> = below.iter().cloned().chain([above]).collect();
    let objects: Vec<String> = below.iter().map(|prefix| format!("{objects}{prefix}")).collect();
    vec![
        json!({
            "Sid": "ListFolders", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn,
            "Condition": { "StringLike": { "s3:prefix": prefixes } },
        }),
        json!({ "Sid": "ReadFiles", "Effect": "Allow", "Action": "s3:GetObject", "Resource": objects }),
    ]
}

fn target(config: &Config, reads_back: bool) -> Vec<Value> {
    let TargetConfig::Kinesis { stream, region, .. } = &config.target else {
        return Vec::new();
    };
    let arn = arn(stream, region.as_deref(), "kinesis", "stream");
    let mut statements = vec![json!({
        "Sid": "WriteStream", "Effect": "Allow", "Resource": arn,
        "Action": ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecords"],
    })];
    if reads_back {
        statements.push(json!({
            "Sid": "ReadStreamBack", "Effect": "Allow", "Resource": arn,
            "Action": ["kinesis:GetShardIterator", "kinesis:GetRecords"],
        }));
    }
    statements
}

/// To tell of events.
fn events(config: &Config) -> Vec<Value> {
    let sinks = &config.event_sinks;
    let bus = sinks.event_bus.as_ref().map(|sink| {
        let arn = arn(&sink.bus, sink.region(), "events", "event-bus");
        json!({ "Sid": "PutEvents", "Effect": "Allow", "Action": "events:PutEvents", "Resource": arn })
    });
    let topic = sinks.topic.as_ref().map(|topic| {
        json!({ "Sid": "PublishEvents", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic.arn })
    });
    bus.into_iter().chain(topic).collect()
}

/// The ARN of what is given by its name or by its ARN, in whatever account.
fn arn(name: &str, region: Option<&str>, service: &str, kind: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let (partition, region) = (partition(region), region.unwrap_or("*"));
    format!("arn:{partition}:{service}:{region}:*:{kind}/{name}")
}

/// The partition of a region; that of most where it is not known.
fn partition(region: Option<&str>) -> &'static str {
    region.map_or("aws", partition_of)
}

/// A text of which no character stands for others in a policy.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut literal, c| {
        match c {
            '*' | '?' | '$' => literal.extend(["${", c.encode_utf8(&mut [0; 4]), "}"]),
            _ => literal.push(c),
        }
        literal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_others_in_a_policy_stands_for_itself() {
        assert_eq!(literal("a/b-c/"), "a/b-c/");
        assert_eq!(literal("a*b?c$d"), "a${*}b${?}c${$}d");
    }

    #[test]
    fn regions_are_in_their_partition() {
        assert_eq!(partition(None), "aws");
        assert_eq!(partition(Some("eu-west-1")), "aws");
        assert_eq!(partition(Some("cn-north-1")), "aws-cn");
        assert_eq!(partition(Some("us-gov-west-1")), "aws-us-gov");
    }
}
