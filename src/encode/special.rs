//! Columns that a rule changes, hides or uses elsewhere. Pure: no I/O, no clock.

use super::attributes::Captured;
use super::json::{DataWriter, Row, key_text};
use super::template::{ColumnTemplate, Source, Special};
use crate::map::expression::{Expression, ExpressionRow};
use crate::map::mask::RowSeed;
use crate::map::retype::readable_as;
use crate::model::ObjectVersion;
use crate::parse::convert::{FieldValue, ValueProblem, read_field, write_value};

/// Buffers for values that are not written down as they are read.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    computed: Vec<u8>,
    read: Vec<u8>,
    written: Vec<u8>,
    masked: Vec<u8>,
    hidden: Vec<u8>,
    pub(super) captured: Captured,
    /// The object whose rows come, and its digest: only masks ask for it.
    seed: Option<(String, String, [u8; 32])>,
}

impl DataWriter<'_, '_> {
    /// Writes a column that a rule changes, hides or uses elsewhere.
    pub(super) fn write_special(
        &mut self,
        template: &ColumnTemplate,
        special: &Special,
    ) -> Result<(), ValueProblem> {
        let mut scratch = std::mem::take(self.scratch);
        let result = self.write_with(template, special, &mut scratch);
        *self.scratch = scratch;
        result
    }

    fn write_with(
        &mut self,
        template: &ColumnTemplate,
        special: &Special,
        scratch: &mut Scratch,
    ) -> Result<(), ValueProblem> {
        let is_key_part = special.is_named_key || (template.is_primary_key && self.is_keyed_by_primary_key);
        let Scratch {
            computed,
            read,
            written,
            masked,
            hidden,
            captured,
            seed,
        } = scratch;
        let text = match &special.source {
            Source::Field => {
                let field = self.field(template)?;
                match read_field(field, &template.column, &self.settings.null_value)? {
                    FieldValue::Null => None,
                    FieldValue::Text(text) => Some(text),
                }
            }
            Source::Expression(expression) => self.evaluate(expression, computed)?,
            Source::Nothing => None,
        };
        let Some(mut text) = text else {
            return if special.is_hidden && !is_key_part {
                Ok(())
            } else {
                self.write_null(template, is_key_part)
            };
        };
        let output = special.output;
        if special.is_retyped {
            let from = template.column.column_type;
            text = readable_as(text, from, output, self.settings.style.hex_prefix, read)?;
        }
        if let Some(mask) = special.mask {
            masked.clear();
            if !output.is_text() {
                written.clear();
                write_value(written, text, output, self.settings.style)?;
                text = written;
            }
            mask.apply(masked, text, output, seed_of(seed, self.row), special.index);
            text = masked;
        }
        if let Some(number) = special.capture.filter(|_| output.is_text()) {
            captured.keep(number, text);
        }
        let is_left_out = self.is_left_out(text, output);
        if is_left_out || special.is_hidden {
            hidden.clear();
        }
        let is_member = !is_left_out && !special.is_hidden;
        if is_member {
            self.write_name(template);
        }
        let out = if is_member { &mut *self.payloads } else { hidden };
        let start = out.len();
        write_value(out, text, output, self.settings.style)?;
        let shown = key_text(output, text, out.get(start..).unwrap_or_default());
        if let Some(number) = special.capture.filter(|_| !output.is_text()) {
            captured.keep(number, shown);
        }
        if is_key_part {
            self.key.add(shown);
        }
        Ok(())
    }

    fn evaluate<'s>(
        &self,
        expression: &Expression,
        out: &'s mut Vec<u8>,
    ) -> Result<Option<&'s [u8]>, ValueProblem> {
        let row = ExpressionRow {
            operation: self.row.operation,
            fields: self.row.fields,
            null_value: &self.settings.null_value,
            object: self.row.object,
            ordinal: self.row.ordinal,
        };
        let evaluator = self
            .evaluator
            .ok_or_else(|| ValueProblem::new("expression_failed", "SQLite cannot be started"))?;
        out.clear();
        let place = evaluator
            .evaluate(expression, row, out)
            .map_err(|problem| problem.problem)?;
        Ok(place.and_then(|place| out.get(place)))
    }
}

/// What the random digits of a row are drawn from.
fn seed_of(known: &mut Option<(String, String, [u8; 32])>, row: Row<'_>) -> RowSeed {
    let ObjectVersion { key, etag, .. } = row.object;
    let object = match known {
        Some((known_key, known_etag, object)) if known_key == key && known_etag == etag => *object,
        Some(_) | None => {
            let object = RowSeed::of_object(key, etag);
            *known = Some((key.clone(), etag.clone(), object));
            object
        }
    };
    RowSeed {
        object,
        ordinal: row.ordinal,
    }
}
