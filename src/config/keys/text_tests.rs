//! Tests of the rules for texts.

use proptest::prelude::*;

use super::*;

#[test]
fn literal_escapes_mean_what_they_mean_in_yaml() {
    for (written, meant) in [
        (r"\t", "\t"),
        (r"\n", "\n"),
        (r"\r\n", "\r\n"),
        (r"\\", "\\"),
        (r"\u0001", "\u{1}"),
        (r"\x1f", "\u{1f}"),
        (r"\xA7", "§"),
        ("||", "||"),
    ] {
        assert_eq!(unescape(written).as_deref(), Ok(meant), "{written}");
    }
    for wrong in [r"\q", "\\", r"\u12", r"\ud800", r"\xg1", r"\x+1"] {
        assert!(unescape(wrong).is_err(), "{wrong}");
    }
}

fn check(rule: &TextRule, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!((rule.accepts)(text), "{text}: {}", rule.allowed);
    }
    for text in bad {
        assert!(!(rule.accepts)(text), "{text}: {}", rule.allowed);
    }
}

#[test]
fn names_follow_the_rules_of_aws() {
    check(
        &TASK,
        &["orders", "a_1-b"],
        &["", "-a", "a b", "a.b", &"a".repeat(65)],
    );
    check(
        &BUCKET,
        &[
            "blog-source",
            "arn:aws:s3:eu-central-1:123456789012:accesspoint/a",
            "arn:aws:s3::123456789012:accesspoint/m.mrap",
            "arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/a",
        ],
        &[
            "s3://b",
            "ab",
            "a/b",
            "arn:aws:s3:::blog-source",
            "arn:aws:s3:::accesspoint",
            "arn:aws:kinesis:eu-west-1:1:stream/accesspoint/x",
        ],
    );
}

#[test]
fn streams_urls_and_the_like_follow_the_rules_of_aws() {
    check(
        &STREAM,
        &[
            "orders.v1",
            "arn:aws:kinesis:eu-west-1:111122223333:stream/orders.v1",
            "arn:aws-us-gov:kinesis:us-gov-west-1:111122223333:stream/o",
        ],
        &[
            "",
            "arn:aws:kinesis:x:1:stream/y",
            "arn:aws:kinesis::111122223333:stream/y",
            "arn:aws:s3:eu-west-1:111122223333:stream/y",
            "arn:aws:kinesis:eu-west-1:111122223333:stream/",
        ],
    );
    check(
        &URL,
        &["http://127.0.0.1:4318", "https://h/", ""],
        &[
            "h:1",
            "http://",
            "http://h/v1/traces",
            "http://u:p@h",
            "http://a b",
        ],
    );
    check(
        &COLLECTOR,
        &["http://collector:4318", "http://h/", ""],
        &["https://h", "h:1", "http://h/v1/traces"],
    );
}

#[test]
fn sinks_for_events_follow_the_rules_of_aws() {
    check(
        &WEBHOOK_URL,
        &["https://h/a/b?c=d", "http://127.0.0.1:9/x", ""],
        &["h/x", "https://", "https://u:p@h/x", "https://h/a b", "ftp://h"],
    );
    check(
        &EVENT_BUS,
        &[
            "default",
            "a/b",
            "",
            "arn:aws:events:us-east-1:111122223333:event-bus/ops",
        ],
        &[
            "a b",
            "arn:aws:events:us-east-1:1:event-bus/ops",
            "arn:aws:events:us-east-1:111122223333:event-bus/",
        ],
    );
    check(
        &TOPIC,
        &[
            "arn:aws:sns:us-east-1:111122223333:t",
            "arn:aws-cn:sns:cn-north-1:111122223333:t.fifo",
            "",
        ],
        &[
            "t",
            "arn:aws:sns:us-east-1:111122223333:",
            "arn:aws:sqs:us-east-1:111122223333:t",
        ],
    );
    check(&ACCOUNT, &["012345678901", ""], &["1234", "12345678901x"]);
    check(&REGION, &["us-west-2", ""], &["US-WEST-2", "us west"]);
    check(&FOLDER, &["", "/a/b/"], &["s3://a", "a/*"]);
}

proptest! {
    #[test]
    fn escaped_text_comes_back(text: String) {
        let escaped = text.replace('\\', r"\\").replace('\n', r"\n");
        prop_assert_eq!(unescape(&escaped), Ok(text));
    }
}
