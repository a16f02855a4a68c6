//! The annotated configuration `config/reference.yaml`, made from the list of keys. Pure: no I/O, no clock.

use super::keys::{Group, Key, Kind, Presence, ROOT};

const HEAD: &str = "\
# Every key of the configuration, with what it does, what it takes and what it is by default.
# This file is made from the list of keys in the code and checked against it by a test.
#
# Any text may take its value from outside: ${VAR}, ${VAR:-default}, ${file:/run/secrets/name}; $$ is a dollar sign.
# Durations: 500ms, 30s, 5m, 1h. Sizes: 512B, 64KiB, 1MB, 8MiB. Booleans: true and false only.
";

/// A complete configuration that loads, with every key explained; alternatives are commented out.
pub fn reference() -> String {
    let mut writer = Writer {
        text: HEAD.to_owned(),
    };
    writer.group(&ROOT, &Style::live(0), None);
    writer.text
}

/// How lines are written: how far in, and whether they are commented out.
struct Style {
    indent: usize,
    comment_at: Option<usize>,
}

impl Style {
    fn live(indent: usize) -> Self {
        Self {
            indent,
            comment_at: None,
        }
    }

    fn deeper(&self) -> Self {
        Self {
            indent: self.indent + 2,
            comment_at: self.comment_at,
        }
    }

    fn commented(&self) -> Self {
        Self {
            indent: self.indent,
            comment_at: self.comment_at.or(Some(self.indent)),
        }
    }
}

struct Writer {
    text: String,
}

impl Writer {
    fn group(&mut self, group: &'static Group, style: &Style, described: Option<&'static Group>) {
        let mut first: Option<&'static Key> = None;
        for key in group.keys() {
            let is_alternative = group.exactly_one_of.contains(&key.name);
            let is_described = described.is_some_and(|described| described.key(key.name).is_some());
            match first.filter(|_| is_alternative) {
                Some(first) => {
                    self.text.push('\n');
                    self.line(style, &format!("# Instead of `{}`:", first.name));
                    self.key(key, &style.commented(), first.kind.group());
                }
                None if is_described => self.value(key, style, described),
                None => self.key(key, style, None),
            }
            if is_alternative {
                first = first.or(Some(key));
            }
        }
    }

    fn key(&mut self, key: &'static Key, style: &Style, described: Option<&'static Group>) {
        if style.comment_at.is_none() && !self.text.ends_with(":\n") {
            self.text.push('\n');
        }
        for line in key.about.lines() {
            self.line(style, &format!("# {line}"));
        }
        if !matches!(key.kind, Kind::Group(_) | Kind::Named(_)) {
            let presence = match &key.presence {
                Presence::Required(_) => "Required".to_owned(),
                Presence::Default(text) => format!("Default {}", written(&key.kind, text)),
                Presence::Conditional(_) => "Sometimes required".to_owned(),
                Presence::Optional(_) => "Optional".to_owned(),
            };
            self.line(style, &format!("# {presence}. Allowed: {}.", key.kind.allowed()));
        }
        self.value(key, style, described);
    }

    fn value(&mut self, key: &'static Key, style: &Style, described: Option<&'static Group>) {
        let line = format!("{}: {}", key.name, written(&key.kind, key.presence.text()));
        match (&key.kind, &key.presence) {
            (Kind::Named(below), _) => {
                let style = style.commented();
                self.line(&style, &format!("{}:", key.name));
                self.line(&style.deeper(), &format!("{}:", key.presence.text()));
                self.group(below, &style.deeper().deeper(), Some(below));
            }
            (Kind::Group(below), _) => {
                self.line(style, &format!("{}:", key.name));
                self.group(below, &style.deeper(), described);
            }
            (_, Presence::Required(_) | Presence::Default(_) | Presence::Conditional(_)) => {
                self.line(style, &line);
            }
            (_, Presence::Optional(_)) => self.line(&style.commented(), &line),
        }
        if let (Kind::ChoiceOrGroup(_, below), None) = (&key.kind, style.comment_at) {
            let values: Vec<_> = below
                .keys()
                .map(|key| format!("{}: {}", key.name, written(&key.kind, key.presence.text())))
                .collect();
            let lines = if below.exactly_one_of.is_empty() {
                vec![values.join(", ")]
            } else {
                values
            };
            for line in lines {
                self.line(&style.commented(), &format!("{}: {{ {line} }}", key.name));
            }
        }
    }

    fn line(&mut self, style: &Style, line: &str) {
        let column = style.comment_at.unwrap_or(style.indent);
        self.text.push_str(&" ".repeat(column));
        if style.comment_at.is_some() {
            self.text.push_str("# ");
            self.text
                .push_str(&" ".repeat(style.indent.saturating_sub(column)));
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A value as YAML: in quotes where YAML would read it as something else.
fn written(kind: &Kind, text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.')
        && !text.contains([',', '#', '"', '\\', '{', '}', '*']);
    if matches!(kind, Kind::Texts(_)) {
        return format!("[\"{text}\"]");
    }
    let takes_quotes = matches!(kind, Kind::Text(..) | Kind::Separator | Kind::Path);
    if takes_quotes && !is_plain {
        format!("\"{}\"", text.replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}
