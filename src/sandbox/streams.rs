//! Streams of any Kinesis server, this program's own or another: made, and waited for.

use crate::saturate;

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Shard, StreamStatus};

use super::SandboxError;
use super::clients::request_error;

const SERVER: &str = "Kinesis";
/// Pause between two looks at a stream that is being changed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Looks at a stream that is being changed before giving up.
const POLLS_MAX: u32 = 2_000;

/// Creates a stream of `shards_count` shards and waits until it is active.
///
/// # Errors
/// [`SandboxError::Request`] if the server refuses, or if the stream does not become active.
pub async fn create(client: &Client, stream: &str, shards_count: u32) -> Result<(), SandboxError> {
    let shards = saturate::to_i32(shards_count);
    let request = client.create_stream().stream_name(stream).shard_count(shards);
    if let Err(error) = request.send().await {
        return Err(request_error(SERVER, format!("CreateStream {stream}"), error));
    }
    wait_until_active(client, stream).await
}

/// All shards of a stream, closed ones included.
///
/// # Errors
/// [`SandboxError::Request`] if the server refuses.
pub async fn shards(client: &Client, stream: &str) -> Result<Vec<Shard>, SandboxError> {
    let mut shards = Vec::new();
    let mut request = client.list_shards().stream_name(stream);
    loop {
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) => return Err(request_error(SERVER, format!("ListShards {stream}"), error)),
        };
        shards.extend(page.shards.unwrap_or_default());
        match page.next_token {
            Some(token) => request = client.list_shards().next_token(token),
            None => return Ok(shards),
        }
    }
}

/// Waits until a stream is active, after it was created or resharded.
///
/// # Errors
/// [`SandboxError::Request`] if the server refuses, or if the stream does not become active.
pub async fn wait_until_active(client: &Client, stream: &str) -> Result<(), SandboxError> {
    let action = || format!("DescribeStreamSummary {stream}");
    for _ in 0..POLLS_MAX {
        let answer = match client.describe_stream_summary().stream_name(stream).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(request_error(SERVER, action(), error)),
        };
        let summary = answer.stream_description_summary();
        if summary.is_some_and(|summary| *summary.stream_status() == StreamStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Err(SandboxError::Request {
        server: SERVER,
        action: action(),
        detail: "the stream did not become active".to_owned(),
    })
}
