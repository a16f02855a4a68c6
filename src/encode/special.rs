//! Columns that a rule changes, hides or uses elsewhere. Pure: no I/O, no clock.

use super::attributes::Captured;
use super::json::{DataWriter, Row, key_text};
use super::template::{ColumnTemplate, Source, Special};
use crate::map::expression::{Expression, ExpressionRow};
use crate::map::mask::{Mask, RowSeed};
use crate::map::retype::readable_as;
use crate::model::{ColumnType, ObjectVersion};
use crate::value::convert::{FieldValue, ValueProblem, ValueStyle, Written, fitted_text, write_value};

/// Buffers for values that are not written down as they are read.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    computed: Vec<u8>,
    changing: Changing,
    hidden: Vec<u8>,
    pub(super) captured: Captured,
    /// The object whose rows come, and its digest: only masks ask for it.
    seed: Option<(String, String, [u8; 32])>,
}

/// Buffers for the steps of a change.
#[derive(Debug, Default)]
struct Changing {
    read: Vec<u8>,
    written: Vec<u8>,
    masked: Vec<u8>,
}

impl Changing {
    /// The text of another type, hidden if there is a mask.
    fn change<'s>(
        &'s mut self,
        text: &'s [u8],
        from: ColumnType,
        special: &Special,
        seed: Option<RowSeed>,
        style: ValueStyle,
    ) -> Result<(&'s [u8], Written), ValueProblem> {
        let output = special.output;
        let (mut text, mut written) = (text, Written::Whole);
        if special.is_retyped {
            (text, written) = readable_as(text, from, output, style, &mut self.read)?;
        }
        let Some(mask) = special.mask else {
            return Ok((text, written));
        };
        if !output.is_text() {
            self.written.clear();
            if write_value(&mut self.written, text, output, style)? == Written::Truncated {
                written = Written::Truncated;
            }
            text = &self.written;
        }
        self.masked.clear();
        mask.apply(&mut self.masked, text, output, seed, special.index);
        Ok((&self.masked, written))
    }
}

impl<'a> DataWriter<'a, '_> {
    /// Writes a column that a rule changes, hides or uses elsewhere.
    pub(super) fn write_special(
        &mut self,
        template: &ColumnTemplate,
        special: &Special,
        scratch: &mut Scratch,
    ) -> Result<(), ValueProblem> {
        let is_key_part = special.is_named_key || (template.is_primary_key && self.is_keyed_by_primary_key);
        let Scratch {
            computed,
            changing,
            hidden,
            captured,
            seed,
        } = scratch;
        let Some(text) = self.source(template, special, computed)? else {
            return if special.is_hidden && !is_key_part {
                Ok(())
            } else {
                self.write_null(template, is_key_part)
            };
        };
        let (output, style) = (special.output, self.settings.style);
        let draws = special.mask == Some(Mask::RandomDigits);
        let row_seed = draws.then(|| seed_of(seed, self.row));
        let (text, changed) = changing.change(text, template.column.column_type, special, row_seed, style)?;
        self.note(changed);
        if let Some(number) = special.capture.filter(|_| output.is_text()) {
            captured.keep(number, fitted_text(text, output, style.fit));
        }
        let is_left_out = self.is_left_out(text, output);
        if is_left_out || special.is_hidden {
            hidden.clear();
        }
        let is_member = !is_left_out && !special.is_hidden;
        if is_member {
            self.write_name(&template.name);
        }
        let out = if is_member { &mut *self.payloads } else { hidden };
        let start = out.len();
        let written = write_value(out, text, output, style)?;
        let shown = key_text(output, text, out.get(start..).unwrap_or_default(), style);
        if let Some(number) = special.capture.filter(|_| !output.is_text()) {
            captured.keep(number, shown);
        }
        if is_key_part {
            self.key.add(shown);
        }
        self.note(written);
        Ok(())
    }

    /// The text that the column comes from; `None` if it is NULL.
    fn source<'s>(
        &self,
        template: &ColumnTemplate,
        special: &Special,
        computed: &'s mut Vec<u8>,
    ) -> Result<Option<&'s [u8]>, ValueProblem>
    where
        'a: 's,
    {
        match &special.source {
            Source::Field => match self.read(template)? {
                FieldValue::Null => Ok(None),
                FieldValue::Text(text) => Ok(Some(text)),
            },
            Source::Expression(expression) => self.evaluate(expression.as_ref(), computed),
            Source::Nothing => Ok(None),
        }
    }

    fn evaluate<'s>(
        &self,
        expression: Option<&Expression>,
        out: &'s mut Vec<u8>,
    ) -> Result<Option<&'s [u8]>, ValueProblem> {
        let row = ExpressionRow {
            operation: self.row.operation,
            fields: self.row.fields,
            rules: &self.settings.rules,
            fit: self.settings.style.fit,
            is_truncated: &self.is_truncated,
            object: self.row.object,
            object_number: self.row.object_number,
            ordinal: self.row.ordinal,
        };
        let (Some(evaluator), Some(expression)) = (self.evaluator, expression) else {
            return Err(ValueProblem::new(
                "expression_failed",
                "SQLite cannot be started, or does not take the expression",
            ));
        };
        out.clear();
        let place = evaluator.evaluate(expression, row, out)?;
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
