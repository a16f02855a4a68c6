//! Decides about one setting, by its rule. Pure: no I/O, no clock.

use super::super::super::tree::Value;
use super::document::get;
use super::judge::{Entered, Judge, path};
use super::open::Open;
use super::resolve::{self, Reference};
use super::rules::{Effect, Form, Rule, find, quoted};
use super::shown::{is_nothing, shown, to_json};
use super::{Fate, Finding, TABLE_MAPPINGS};

/// Restarts that `limits.restarts` can ask for.
const RESTARTS_MAX: i64 = 1_000;
/// Keys that change how a task runs, and not what it sends.
const LIMITS: &str = "limits.";
const UNKNOWN: &str = "unknown to brigade, and without effect; check what it does in DMS";

impl Judge {
    /// Decides about one setting by its rule.
    pub(super) fn one(&mut self, rules: &'static [Rule], group: &str, name: &str, value: &Value) {
        let setting = path(group, name);
        let effect = find(rules, name).map(|(_, effect)| *effect);
        let references = resolve::unresolved(value);
        if !references.is_empty() {
            return self.unresolved(&setting, name, effect, references);
        }
        match effect {
            Some(effect) => self.decide(effect, &setting, value),
            None if is_nothing(value) => self.note(&setting, value, Fate::Ignored, None, "not set"),
            None => self.note(&setting, value, Fate::Refused, None, UNKNOWN),
        }
    }

    /// A setting that is not known matters if a rule says so, or if it could stand for any.
    fn unresolved(&mut self, setting: &str, name: &str, effect: Option<Effect>, references: Vec<Reference>) {
        let shown = Value::Text(names(&references));
        match effect {
            Some(Effect::Ignored(reason)) => self.note(setting, &shown, Fate::Ignored, None, reason),
            Some(effect) => self.needs(setting, effect.key(), references),
            None if name == "Properties" || name.starts_with("Fn::") => self.needs(setting, None, references),
            None => self.note(setting, &shown, Fate::Refused, None, UNKNOWN),
        }
    }

    /// A setting with references that lead nowhere.
    pub(super) fn needs(&mut self, setting: &str, key: Option<&'static str>, references: Vec<Reference>) {
        let shown = Value::Text(names(&references));
        self.note(
            setting,
            &shown,
            Fate::Unresolved,
            key,
            "needs what the documents do not say",
        );
        self.leave_open(setting, key, references, "needs");
    }

    /// A setting that shapes the data, and says nothing that can be done.
    pub(super) fn wrong(&mut self, setting: &str, key: Option<&'static str>, value: &Value, reason: &str) {
        self.note(setting, value, Fate::Unresolved, key, reason);
        self.leave_open(setting, key, Vec::new(), reason);
    }

    /// Remembers what keeps the task from being taken over.
    pub(super) fn leave_open(
        &mut self,
        setting: &str,
        key: Option<&'static str>,
        references: Vec<Reference>,
        reason: &str,
    ) {
        self.open.push(Open {
            resource: self.resource.clone(),
            setting: setting.to_owned(),
            key,
            references,
            reason: reason.to_owned(),
        });
    }

    fn decide(&mut self, effect: Effect, setting: &str, value: &Value) {
        match (effect, value.scalar_text()) {
            (Effect::TaskName, _) => {
                self.note(setting, value, Fate::Mapped, Some("task"), "the name of the task");
            }
            (Effect::Document(key, file), _) => self.document(setting, value, key, file),
            (Effect::Only(..) | Effect::Switch(..), None) if is_nothing(value) => {
                self.note(setting, value, Fate::Ignored, None, "not set");
            }
            (_, None) if *value == Value::Null => self.note(setting, value, Fate::Ignored, None, "not set"),
            (Effect::Ignored(reason), _) => self.note(setting, value, Fate::Ignored, None, reason),
            (Effect::StreamArn, Some("")) => self.note(setting, value, Fate::Ignored, None, "not set"),
            (Effect::Key(key, Form::Text), Some("")) => {
                self.note(setting, value, Fate::Ignored, Some(key), "empty: the default");
            }
            (Effect::Key(key, form), Some(text)) => match form.write(text) {
                Some(written) => self.enter(key, &written, setting, value),
                None => self.refuse_value(key, setting, value),
            },
            (Effect::Only(values, kept, refused), Some(text)) => {
                let is_same = values.iter().any(|same| same.eq_ignore_ascii_case(text));
                let (fate, reason) = if is_same {
                    (Fate::Kept, kept)
                } else {
                    (Fate::Refused, refused)
                };
                self.note(setting, value, fate, None, reason);
            }
            (Effect::Read(key, read, kept), Some(text)) => match read(text) {
                Ok(Some(written)) => self.enter(key, &written, setting, value),
                Ok(None) => self.note(setting, value, Fate::Kept, None, kept),
                Err(reason) => self.note(setting, value, Fate::Refused, Some(key), reason),
            },
            (Effect::StreamArn, Some(arn)) => self.stream(setting, value, arn),
            (Effect::RestartCount, Some(text)) => self.restarts(setting, value, text),
            (Effect::Only(_, _, refused), None) => self.note(setting, value, Fate::Refused, None, refused),
            (Effect::Switch(switch, reason), _) => self.switch(setting, value, switch, reason),
            (Effect::Key(..) | Effect::Read(..) | Effect::StreamArn | Effect::RestartCount, None) => {
                self.literal(setting, effect.key(), value);
            }
        }
    }

    fn refuse_value(&mut self, key: &'static str, setting: &str, value: &Value) {
        if key.starts_with(LIMITS) {
            let reason = format!("{key} takes no such value; its default is used, see config/reference.yaml");
            return self.note(setting, value, Fate::Refused, Some(key), &reason);
        }
        let reason = format!(
            "is {}, which {key} does not take; see config/reference.yaml",
            shown(setting, value)
        );
        self.wrong(setting, Some(key), value, &reason);
    }

    /// A group of settings that changes something only if it is switched on.
    fn switch(&mut self, setting: &str, value: &Value, switch: &str, reason: &str) {
        let is_off = match value {
            Value::Map(entries) => get(entries, switch).is_none_or(|on| {
                is_nothing(on)
                    || on
                        .scalar_text()
                        .is_some_and(|on| on.eq_ignore_ascii_case("false"))
            }),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => false,
        };
        if is_off {
            self.note(setting, value, Fate::Kept, None, "switched off, as here");
        } else {
            self.note(setting, value, Fate::Refused, None, reason);
        }
    }

    fn restarts(&mut self, setting: &str, value: &Value, text: &str) {
        let key = "limits.restarts";
        match text.parse::<i64>() {
            Err(_) => self.refuse_value(key, setting, value),
            Ok(..0) => self.enter("limits.restarts_without_end", "true", setting, value),
            Ok(count) => self.enter(key, &count.min(RESTARTS_MAX).to_string(), setting, value),
        }
    }

    pub(super) fn enter(&mut self, key: &'static str, written: &str, setting: &str, value: &Value) {
        if let Some(first) = self.value(key) {
            let (fate, reason) = if first.value == written {
                (Fate::Mapped, format!("as {} says it", first.setting))
            } else {
                (
                    Fate::Refused,
                    format!(
                        "{} says {}, which wins; remove one of them",
                        first.setting, first.value
                    ),
                )
            };
            return self.note(setting, value, fate, Some(key), &reason);
        }
        self.entered.push(Entered {
            key,
            value: written.to_owned(),
            setting: setting.to_owned(),
        });
        self.note(
            setting,
            value,
            Fate::Mapped,
            Some(key),
            &format!("written as {written}"),
        );
    }

    /// A document is copied out, as it is; one that is not text but a tree is written again.
    fn document(&mut self, setting: &str, value: &Value, key: &'static str, file: &str) {
        let text = match value {
            Value::Text(text) if !text.trim().is_empty() => text.clone(),
            Value::Map(_) if !is_nothing(value) => to_json(value).to_string(),
            Value::Null | Value::Text(_) | Value::Map(_) => {
                return self.note(setting, value, Fate::Ignored, Some(key), "not set");
            }
            Value::Boolean(_) | Value::Number(_) | Value::List(_) => {
                return self.literal(setting, Some(key), value);
            }
        };
        let slot = if file == TABLE_MAPPINGS {
            &mut self.table_mappings
        } else {
            &mut self.table_definition
        };
        let is_second = slot.as_ref().is_some_and(|first| *first != text);
        slot.get_or_insert(text);
        let shown = Value::Text("(a document)".to_owned());
        let (fate, reason) = if is_second {
            (
                Fate::Refused,
                format!("differs from the one above it, which is in {file}; remove one of them"),
            )
        } else {
            (Fate::Mapped, format!("copied to {file}"))
        };
        self.note(setting, &shown, fate, Some(key), &reason);
    }

    /// A value of another form than the setting has.
    pub(super) fn literal(&mut self, setting: &str, key: Option<&'static str>, value: &Value) {
        let references = resolve::unresolved(value);
        if !references.is_empty() {
            self.needs(setting, key, references);
        } else if is_nothing(value) {
            self.note(setting, value, Fate::Ignored, None, "not set");
        } else {
            self.wrong(setting, key, value, "is not of the form that DMS gives it");
        }
    }

    pub(super) fn note(&mut self, setting: &str, value: &Value, fate: Fate, key: Option<&str>, reason: &str) {
        self.findings.push(Finding {
            setting: setting.to_owned(),
            value: shown(setting, value),
            fate,
            key: key.map(ToOwned::to_owned),
            reason: reason.to_owned(),
        });
    }

    /// A stream has its region and its name in its ARN.
    fn stream(&mut self, setting: &str, value: &Value, arn: &str) {
        let mut parts = arn.splitn(6, ':').skip(3);
        let region = parts.next();
        let name = parts.nth(1).and_then(|resource| resource.strip_prefix("stream/"));
        let (Some(region), Some(name)) = (region, name) else {
            let reason = "is not the ARN of a stream; write arn:aws:kinesis:REGION:ACCOUNT:stream/NAME";
            return self.wrong(setting, Some("target.kinesis.stream"), value, reason);
        };
        self.enter("target.kinesis.stream", &quoted(name), setting, value);
        for key in ["target.kinesis.region", "source.s3.region"] {
            if self.value(key).is_none() && !region.is_empty() {
                self.entered.push(Entered {
                    key,
                    value: quoted(region),
                    setting: format!("{setting}; DMS has bucket and stream in one region"),
                });
            }
        }
    }
}

fn names(references: &[Reference]) -> String {
    let names: Vec<_> = references.iter().map(|one| one.name.as_str()).collect();
    names.join(", ")
}
