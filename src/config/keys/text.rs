//! What the texts of a configuration may look like. Pure: no I/O, no clock.

use crate::settings::life::parse_moment;

/// The escapes a separator may be written with, also as literal backslash text.
pub const ESCAPES: &str = r"the escapes \t \n \r \\ \uXXXX \xXX";

/// Longest separator, in characters.
pub const SEPARATOR_CHARACTERS_MAX: usize = 16;

/// What a text may look like.
#[derive(Debug)]
pub struct TextRule {
    /// In words.
    pub allowed: &'static str,
    /// As a regular expression, for editors.
    pub pattern: &'static str,
    /// As code; an optional text may also be empty, which means that it is not given.
    pub accepts: fn(&str) -> bool,
}

/// Any text.
pub static ANY: TextRule = TextRule {
    allowed: "any text",
    pattern: "",
    accepts: |_| true,
};

/// The name of a task.
pub static TASK: TextRule = TextRule {
    allowed: "1 to 64 letters, digits, `-`, `_`, starting with a letter or digit",
    pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
    accepts: |text| text.len() <= 64 && starts_alphanumeric(text) && only(text, b"-_"),
};

/// A bucket, or the ARN of an access point.
pub static BUCKET: TextRule = TextRule {
    allowed: "a bucket name (3 to 255 letters, digits, `.`, `-`, `_`; no `s3://`, no `/`) or the ARN of \
              an access point; of `arn:aws:s3:::NAME` write NAME alone",
    pattern: "^([A-Za-z0-9][A-Za-z0-9._-]{2,254}|arn:[^:]+:s3.*[:/]accesspoint[:/].+)$",
    accepts: |text| {
        is_access_point(text)
            || ((3..=255).contains(&text.len()) && starts_alphanumeric(text) && only(text, b".-_"))
    },
};

/// A key prefix.
pub static FOLDER: TextRule = TextRule {
    allowed: "a key prefix such as `in/orders`, without `s3://` and wildcards",
    pattern: r"^[^*?]*$",
    accepts: |text| !text.contains("://") && !text.contains(['*', '?']),
};

/// An AWS region.
pub static REGION: TextRule = TextRule {
    allowed: "an AWS region such as `eu-central-1`",
    pattern: "^[a-z0-9-]*$",
    accepts: |text| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
};

/// A URL with a scheme and a host, and nothing after them.
pub static URL: TextRule = TextRule {
    allowed: "`http://` or `https://` with a host, perhaps a port, no user and no path",
    pattern: "^(https?://[^/?#@\\s]+/?)?$",
    accepts: |text| {
        let host = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        text.is_empty()
            || host.is_some_and(|host| {
                let host = host.strip_suffix('/').unwrap_or(host);
                !host.is_empty()
                    && !host.contains(['/', '?', '#', '@'])
                    && !host.contains(char::is_whitespace)
            })
    },
};

/// A collector of telemetry: as [`URL`], without TLS.
pub static COLLECTOR: TextRule = TextRule {
    allowed: "`http://` with a host and perhaps a port; everything is sent over plain HTTP, so name a collector nearby that \
              forwards it",
    pattern: "^(http://[^/?#@\\s]+/?)?$",
    accepts: |text| !text.starts_with("https://") && (URL.accepts)(text),
};

/// Where to listen, or nowhere.
pub static LISTEN: TextRule = TextRule {
    allowed: "an IP address with a port, such as `127.0.0.1:8686` or `[::1]:8686`, or `off`",
    pattern: r"^(off|[0-9.]+:[0-9]+|\[[0-9a-fA-F:.]+\]:[0-9]+)?$",
    accepts: |text| text.is_empty() || text == "off" || text.parse::<core::net::SocketAddr>().is_ok(),
};

/// A secret that can stand in a header.
pub static TOKEN: TextRule = TextRule {
    allowed: "at least 16 visible ASCII characters, without blanks",
    pattern: "^([!-~]{16,})?$",
    accepts: |text| text.is_empty() || (text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic())),
};

/// A URL to post to.
pub static WEBHOOK_URL: TextRule = TextRule {
    allowed: "`http://` or `https://` with a host, and perhaps a port, a path and a query, without a user",
    pattern: "^(https?://[!-~]+)?$",
    accepts: |text| {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let is_url = |rest: &str| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@') && rest.bytes().all(|byte| byte.is_ascii_graphic())
        };
        text.is_empty() || rest.is_some_and(is_url)
    },
};

/// A bus of `EventBridge`, by its name or its ARN.
pub static EVENT_BUS: TextRule = TextRule {
    allowed: "the name of an event bus (1 to 256 letters, digits, `.`, `-`, `_`, `/`), or its ARN",
    pattern: "^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[A-Za-z0-9/_.-]{0,256}$",
    accepts: |text| {
        let name = name_in_arn(text, "events", "event-bus/").unwrap_or(text);
        name.len() <= 256 && only(name, b".-_/") && (text.is_empty() || !name.is_empty())
    },
};

/// A topic of SNS, by its ARN.
pub static TOPIC: TextRule = TextRule {
    allowed: "the ARN of a topic such as `arn:aws:sns:us-west-2:111122223333:brigade`",
    pattern: "^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+([.]fifo)?)?$",
    accepts: |text| {
        let name = name_in_arn(text, "sns", "").map(|name| name.strip_suffix(".fifo").unwrap_or(name));
        text.is_empty() || name.is_some_and(|name| !name.is_empty() && only(name, b"-_"))
    },
};

/// A moment; without an offset it is UTC.
pub static MOMENT: TextRule = TextRule {
    allowed: "a time such as `2026-11-23T20:00:00Z`; without an offset it is UTC",
    pattern: r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*)?$",
    accepts: |text| text.is_empty() || parse_moment(text).is_some(),
};

/// The key of an object.
pub static OBJECT_KEY: TextRule = TextRule {
    allowed: "the whole key of an object, such as `in/cdc/0005.csv`",
    pattern: ".+",
    accepts: |text| !text.is_empty() && !text.contains("://"),
};

/// A pattern of the names of files.
pub static PATTERN: TextRule = TextRule {
    allowed: "a pattern such as `*.csv` or `old/**`: `*` and `?` stand for anything within a name, `**` for anything",
    pattern: "^[^/].*$",
    accepts: |text| {
        !text.is_empty() && text.len() <= 1_024 && !text.starts_with('/') && !text.contains("://")
    },
};

/// An AWS account.
pub static ACCOUNT: TextRule = TextRule {
    allowed: "an AWS account number: 12 digits, in quotes",
    pattern: "^([0-9]{12})?$",
    accepts: |text| text.is_empty() || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())),
};

/// The last part of the ARN of a DMS task.
pub static RESOURCE_ID: TextRule = TextRule {
    allowed: "up to 64 letters, digits and `-`, such as the last part of the ARN of a task",
    pattern: "^[A-Za-z0-9-]{0,64}$",
    accepts: |text| {
        text.len() <= 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    },
};

/// A Kinesis data stream, by its name or its ARN.
pub static STREAM: TextRule = TextRule {
    allowed: "a stream name (1 to 128 letters, digits, `.`, `-`, `_`), or the ARN of a stream",
    pattern: "^(arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/)?[A-Za-z0-9_.-]{1,128}$",
    accepts: |text| {
        let name = stream_of_arn(text).map_or(text, |(_, name)| name);
        (1..=128).contains(&name.len()) && only(name, b".-_")
    },
};

/// Region and name of a stream, if the text is the ARN of one.
pub(crate) fn stream_of_arn(text: &str) -> Option<(&str, &str)> {
    arn_parts(text, "kinesis", "stream/")
}

/// The name of a resource, if the text is the ARN of one of a service.
fn name_in_arn<'t>(text: &'t str, service: &str, kind: &str) -> Option<&'t str> {
    arn_parts(text, service, kind).map(|(_, name)| name)
}

/// Region and name of a resource: `arn:aws:SERVICE:REGION:ACCOUNT:KINDNAME`.
fn arn_parts<'t>(text: &'t str, service: &str, kind: &str) -> Option<(&'t str, &'t str)> {
    let mut parts = text.strip_prefix("arn:aws")?.splitn(5, ':');
    let (partition, own_service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (account, resource) = (parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_arn = is_account
        && own_service == service
        && !region.is_empty()
        && only(region, b"-")
        && only(partition, b"-");
    let name = resource.strip_prefix(kind).filter(|_| is_arn)?;
    Some((region, name))
}

fn is_access_point(text: &str) -> bool {
    let service = text.strip_prefix("arn:").and_then(|rest| rest.split_once(':'));
    service.is_some_and(|(partition, service)| {
        !partition.is_empty()
            && service.starts_with("s3")
            && [":accesspoint/", ":accesspoint:", "/accesspoint/"]
                .into_iter()
                .any(|mark| service.split_once(mark).is_some_and(|(_, name)| !name.is_empty()))
    })
}

fn only(text: &str, others: &[u8]) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

fn starts_alphanumeric(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Resolves the escapes `\t \n \r \\ \uXXXX \xXX` in a separator, so that settings copied from DMS (where they
/// are two characters, backslash and letter) mean the same as YAML's own escapes. `\xXX` is a character, as in
/// YAML, not a raw byte.
///
/// # Errors
/// What is wrong with an escape.
pub fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        plain.push(match characters.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('\\') => '\\',
            Some('u') => code_point(&mut characters, 4)?,
            Some('x') => code_point(&mut characters, 2)?,
            Some(other) => return Err(format!("has the unknown escape `\\{other}`; use {ESCAPES}")),
            None => return Err("ends in a single backslash; write `\\\\` for a backslash".to_owned()),
        });
    }
    Ok(plain)
}

fn code_point(characters: &mut std::str::Chars<'_>, digits_count: usize) -> Result<char, String> {
    let digits: String = characters.take(digits_count).collect();
    let is_whole = digits.len() == digits_count && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(&digits, 16)
        .ok()
        .filter(|_| is_whole)
        .and_then(char::from_u32)
        .ok_or_else(|| {
            format!("has an escape that is not a character; give {digits_count} hexadecimal digits")
        })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
