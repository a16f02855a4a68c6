//! The members that make a message a link of a chain, and the `sync` record of a lane. Pure: no I/O, no clock.
//!
//! They stand at the end of `metadata`, where they are in nobody's way: a message is rendered without them first, so
//! that everything else about it is the same with and without a chain.

use std::ops::Range;

use serde::Deserialize;

use super::layout::ObjectWriter;
use super::partition_key::shorten;
use crate::chain::position::ChainPosition;
use crate::route::lane::{LANES_COUNT, LaneIndex};
use crate::settings::MessageFormat;
use crate::value::timestamp::MessageTimestamp;

/// What is the same for all records of a queue.
#[derive(Debug, Clone)]
pub struct ChainMembers {
    format: MessageFormat,
    chain: u64,
    /// Up to the number of the lane.
    lane_prefix: String,
    /// By lane: from after the last member of `metadata` up to the position.
    heads: Vec<Vec<u8>>,
    /// From after the position up to the previous one.
    middle: Vec<u8>,
    /// From after the last member of `metadata` to the end of the message.
    end: Vec<u8>,
}

impl ChainMembers {
    /// The members of a queue's records. The task's name is part of the lane, so that several tasks can share a
    /// stream.
    pub fn new(task: &str, queue: &str, chain: u64, format: MessageFormat) -> Self {
        let mut metadata = ObjectWriter::new(format);
        metadata.object("metadata");
        metadata.set_has_members();
        metadata.take();
        let mut middle = metadata.clone();
        middle.name("previous");
        let lane_prefix = format!("{task}/{queue}/");
        let heads = (0..LANES_COUNT).map(|number| {
            let mut head = metadata.clone();
            head.number("chain", chain);
            head.text("lane", &format!("{lane_prefix}{number}"));
            head.name("position");
            let mut head = head.take();
            head.push(b'"');
            head
        });
        Self {
            format,
            chain,
            heads: heads.collect(),
            lane_prefix,
            middle: [b"\"", &middle.take()[..], b"\""].concat(),
            end: {
                metadata.end();
                metadata.finish()
            },
        }
    }

    /// Appends a message that was rendered without a chain, and puts the members in; gives its place.
    pub fn append(
        &self,
        out: &mut Vec<u8>,
        message: &[u8],
        lane: LaneIndex,
        position: ChainPosition,
        previous: ChainPosition,
    ) -> Range<usize> {
        let start = out.len();
        out.extend_from_slice(message.strip_suffix(&self.end[..]).unwrap_or(message));
        let head = self.heads.get(usize::from(lane.number()));
        out.extend_from_slice(head.map(Vec::as_slice).unwrap_or_default());
        write_position(out, position);
        out.extend_from_slice(&self.middle);
        write_position(out, previous);
        out.push(b'"');
        out.extend_from_slice(&self.end);
        start..out.len()
    }

    /// Appends the `sync` record of a lane that is at this position, then its partition key; gives their places.
    pub fn append_sync(
        &self,
        out: &mut Vec<u8>,
        lane: LaneIndex,
        position: ChainPosition,
        timestamp: &MessageTimestamp,
    ) -> (Range<usize>, Range<usize>) {
        let name = format!("{}{}", self.lane_prefix, lane.number());
        let place = (self.chain, name.as_str(), position);
        let start = out.len();
        write_sync(
            out,
            self.format,
            place,
            &String::from_utf8_lossy(timestamp.as_bytes()),
        );
        let payload = start..out.len();
        out.extend_from_slice(shorten(&name).unwrap_or(name).as_bytes());
        (payload.clone(), payload.end..out.len())
    }
}

/// The `sync` record that stands in the place of a link, and its partition key: it tells consumers that this record is
/// not going to be seen. `None` if the message is not a link.
pub fn stand_in(link: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let Link { metadata } = serde_json::from_slice(link).ok()?;
    let (chain, name, position) = (metadata.chain?, metadata.lane?, metadata.position?);
    let format = if link.starts_with(b"{\n") {
        MessageFormat::Json
    } else {
        MessageFormat::JsonUnformatted
    };
    let mut message = Vec::new();
    let timestamp = metadata.timestamp.unwrap_or_default();
    write_sync(&mut message, format, (chain, &name, position), &timestamp);
    Some((message, shorten(&name).unwrap_or(name).into_bytes()))
}

/// What a stand-in takes over from a link.
#[derive(Deserialize)]
struct Link {
    metadata: LinkMetadata,
}

#[derive(Deserialize)]
struct LinkMetadata {
    chain: Option<u64>,
    lane: Option<String>,
    position: Option<ChainPosition>,
    timestamp: Option<String>,
}

fn write_sync(
    out: &mut Vec<u8>,
    format: MessageFormat,
    (chain, name, position): (u64, &str, ChainPosition),
    timestamp: &str,
) {
    let mut writer = ObjectWriter::new(format);
    writer.object("metadata");
    writer.text("timestamp", timestamp);
    writer.text("record-type", "control");
    writer.text("operation", "sync");
    writer.text("partition-key-type", "task-id");
    writer.number("chain", chain);
    writer.text("lane", name);
    writer.text("position", &position.to_string());
    writer.end();
    out.extend_from_slice(&writer.finish());
}

fn write_position(out: &mut Vec<u8>, position: ChainPosition) {
    out.extend_from_slice(itoa::Buffer::new().format(position.object).as_bytes());
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(position.record).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: ChainPosition = ChainPosition {
        object: 3,
        record: 12,
    };
    const PREVIOUS: ChainPosition = ChainPosition {
        object: 2,
        record: 700,
    };

    fn members(format: MessageFormat) -> ChainMembers {
        ChainMembers::new("nightly", "load:hr.pay", 1_793_000_000_000, format)
    }

    fn linked(format: MessageFormat, message: &str) -> String {
        let mut out = b"earlier".to_vec();
        let lane = LaneIndex::of_number(17);
        let place = members(format).append(&mut out, message.as_bytes(), lane, POSITION, PREVIOUS);
        assert_eq!(place, 7..out.len());
        String::from_utf8(out).unwrap().split_off(7)
    }

    #[test]
    fn the_members_stand_at_the_end_of_the_metadata_in_both_forms() {
        assert_eq!(
            linked(
                MessageFormat::JsonUnformatted,
                "{\"data\":{\"a\":1},\"metadata\":{\"table-name\":\"pay\"}}\n"
            ),
            "{\"data\":{\"a\":1},\"metadata\":{\"table-name\":\"pay\",\"chain\":1793000000000,\
             \"lane\":\"nightly/load:hr.pay/17\",\"position\":\"3:12\",\"previous\":\"2:700\"}}\n"
        );
        assert_eq!(
            linked(
                MessageFormat::Json,
                "{\n\t\"metadata\":\t{\n\t\t\"table-name\":\t\"pay\"\n\t}\n}"
            ),
            "{\n\t\"metadata\":\t{\n\t\t\"table-name\":\t\"pay\",\n\t\t\"chain\":\t1793000000000,\n\
             \t\t\"lane\":\t\"nightly/load:hr.pay/17\",\n\t\t\"position\":\t\"3:12\",\n\t\t\"previous\":\t\"2:700\"\n\t}\n}"
        );
    }

    #[test]
    fn what_stands_in_for_a_link_is_the_sync_record_of_its_place() {
        for format in [MessageFormat::Json, MessageFormat::JsonUnformatted] {
            let message = match format {
                MessageFormat::Json => {
                    "{\n\t\"metadata\":\t{\n\t\t\"timestamp\":\t\"1970-01-01T00:00:00.000000Z\"\n\t}\n}"
                }
                MessageFormat::JsonUnformatted => {
                    "{\"metadata\":{\"timestamp\":\"1970-01-01T00:00:00.000000Z\"}}\n"
                }
            };
            let (payload, key) = stand_in(linked(format, message).as_bytes()).unwrap();
            let (mut out, timestamp) = (Vec::new(), MessageTimestamp::from_unix_us(0));
            let places =
                members(format).append_sync(&mut out, LaneIndex::of_number(17), POSITION, &timestamp);
            assert_eq!((&payload[..], &key[..]), (&out[places.0], &out[places.1]));
        }
        assert_eq!(stand_in(b"{\"metadata\":{}}"), None);
    }

    #[test]
    fn a_sync_record_is_a_control_record_without_a_previous_position() {
        let mut out = Vec::new();
        let timestamp = MessageTimestamp::from_unix_us(0);
        let members = members(MessageFormat::JsonUnformatted);
        let (payload, key) = members.append_sync(&mut out, LaneIndex::of_number(5), POSITION, &timestamp);
        assert_eq!(
            String::from_utf8_lossy(&out[payload]),
            "{\"metadata\":{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"record-type\":\"control\",\
             \"operation\":\"sync\",\"partition-key-type\":\"task-id\",\"chain\":1793000000000,\
             \"lane\":\"nightly/load:hr.pay/5\",\"position\":\"3:12\"}}\n"
        );
        assert_eq!(&out[key], b"nightly/load:hr.pay/5");
    }
}
