//! Reads JSON into a located tree, and goes on after the mistakes that copying from a web page or a word
//! processor makes: curly quotes, no-break spaces, a bracket left behind. They are still errors, but one
//! run names them all. Pure: no I/O, no clock.
//!
//! The YAML reader cannot serve here although JSON is a part of YAML. It takes what DMS refuses: text without quotes,
//! comments, `True`, `0x1F`. And it stops at the first mistake, where this one names all of them and the cure of each.

use std::iter::Peekable;
use std::str::Chars;

use super::super::tree::{Entry, NESTING_MAX, Node, Repeats, Value, push_entry, quoted};
use crate::settings::problems::{DocumentPlace, Report};

/// Reads a document; `None` if it cannot be read any further, with the reason in the report.
pub(super) fn read(text: &str, report: &mut Report) -> Option<Node> {
    read_with(Repeats::Refused, text, report)
}

/// The same of a document that has more in it than is asked for: members that are given twice stay.
pub(super) fn read_template(text: &str, report: &mut Report) -> Option<Node> {
    read_with(Repeats::Kept, text, report)
}

fn read_with(repeats: Repeats, text: &str, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        characters: text.chars().peekable(),
        place: DocumentPlace { line: 1, column: 1 },
        curly_quotes: Vec::new(),
        odd_spaces: Vec::new(),
        repeats,
        report,
    };
    let node = reader.document();
    reader.report_typography();
    match node {
        Ok(node) => Some(node),
        Err((place, message)) => {
            reader.report.error(place, message);
            None
        }
    }
}

/// What ends the reading, and where.
type Stop = (DocumentPlace, String);

struct Reader<'text, 'report> {
    characters: Peekable<Chars<'text>>,
    place: DocumentPlace,
    curly_quotes: Vec<DocumentPlace>,
    odd_spaces: Vec<DocumentPlace>,
    repeats: Repeats,
    report: &'report mut Report,
}

fn is_curly(character: char) -> bool {
    matches!(
        character,
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{ab}' | '\u{bb}'
    )
}

impl Reader<'_, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        let node = self.node(0)?;
        self.skip_space();
        match self.characters.peek().copied() {
            None => Ok(node),
            Some(character) => Err((
                self.place,
                format!("`{character}` stands after the end of the document"),
            )),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node, Stop> {
        self.skip_space();
        let place = self.place;
        if depth > NESTING_MAX {
            return Err((place, format!("nested deeper than {NESTING_MAX} levels")));
        }
        let value = match self.characters.peek().copied() {
            None => return Err((place, "the document ends where a value should stand".to_owned())),
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some(character) if character == '"' || is_curly(character) => Value::Text(self.string()?),
            Some(_) => self.word(place)?,
        };
        Ok(Node { place, value })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Stop> {
        let opened = self.place;
        self.advance();
        let mut entries = Vec::new();
        while self.has_next('}', opened)? {
            let place = self.place;
            match self.characters.peek().copied() {
                Some(character) if character == '"' || is_curly(character) => {}
                Some(character) => {
                    return Err((
                        place,
                        format!(
                            "is not JSON: `{character}` where a member name in double quotes should stand"
                        ),
                    ));
                }
                None => continue,
            }
            let key = self.string()?;
            self.skip_space();
            if self.characters.peek() != Some(&':') {
                return Err((
                    self.place,
                    format!("is not JSON: no `:` after the member name {}", quoted(&key)),
                ));
            }
            self.advance();
            let node = self.node(depth + 1)?;
            let entry = Entry { key, place, node };
            push_entry(&mut entries, entry, self.repeats, self.report);
            self.comma('}')?;
        }
        Ok(Value::Map(entries))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Stop> {
        let opened = self.place;
        self.advance();
        let mut nodes = Vec::new();
        while self.has_next(']', opened)? {
            nodes.push(self.node(depth + 1)?);
            self.comma(']')?;
        }
        Ok(Value::List(nodes))
    }

    /// Whether another element follows; takes the closing bracket if not. A missing one is reported, not fatal.
    fn has_next(&mut self, closing: char, opened: DocumentPlace) -> Result<bool, Stop> {
        self.skip_space();
        match self.characters.peek().copied() {
            Some(character) if character == closing => {
                self.advance();
                Ok(false)
            }
            Some(character @ ('}' | ']')) => Err((
                self.place,
                format!(
                    "is not JSON: `{character}` where the `{closing}` of line {}, column {} should stand",
                    opened.line, opened.column
                ),
            )),
            Some(_) => Ok(true),
            None => {
                let name = if closing == '}' { "brace" } else { "bracket" };
                let message = format!(
                    "is not JSON: the closing {name} `{closing}` is missing; what opens at line {}, column {} is never \
                     closed: add it at the end",
                    opened.line, opened.column
                );
                self.report.error(self.place, message);
                Ok(false)
            }
        }
    }

    fn comma(&mut self, closing: char) -> Result<(), Stop> {
        self.skip_space();
        match self.characters.peek().copied() {
            Some(',') => {
                let place = self.place;
                self.advance();
                self.skip_space();
                if self.characters.peek() == Some(&closing) {
                    let message = format!("is not JSON: a comma before `{closing}`; remove it");
                    self.report.error(place, message);
                }
                Ok(())
            }
            None | Some('}' | ']') => Ok(()),
            Some(character) => Err((
                self.place,
                format!("is not JSON: `{character}` where a comma or `{closing}` should stand"),
            )),
        }
    }

    /// A string in double quotes; one that opens with a curly quote ends at any quote.
    fn string(&mut self) -> Result<String, Stop> {
        let opened = self.place;
        let is_curled = self.characters.peek().copied().is_some_and(is_curly);
        if is_curled {
            self.curly_quotes.push(opened);
        }
        self.advance();
        let mut text = String::new();
        loop {
            let place = self.place;
            match self.advance() {
                Some('"') => return Ok(text),
                Some(character) if is_curled && is_curly(character) => {
                    self.curly_quotes.push(place);
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape(place)?),
                Some(character) if !character.is_control() => text.push(character),
                Some(_) | None => {
                    return Err((
                        opened,
                        "is not JSON: the text that opens here is not closed in its line; add the `\"`"
                            .to_owned(),
                    ));
                }
            }
        }
    }

    fn escape(&mut self, place: DocumentPlace) -> Result<char, Stop> {
        let wrong = || {
            (
                place,
                "is not JSON: an unknown escape; write `\\\\` for a backslash".to_owned(),
            )
        };
        Ok(match self.advance() {
            Some(character @ ('"' | '\\' | '/')) => character,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let mut units = vec![self.code_unit().ok_or_else(wrong)?];
                if matches!(units.first(), Some(0xd800..=0xdbff)) {
                    let follows = self.advance() == Some('\\') && self.advance() == Some('u');
                    units.push(self.code_unit().filter(|_| follows).ok_or_else(wrong)?);
                }
                let mut decoded = char::decode_utf16(units);
                decoded
                    .next()
                    .and_then(Result::ok)
                    .filter(|_| decoded.next().is_none())
                    .ok_or_else(wrong)?
            }
            Some(_) | None => return Err(wrong()),
        })
    }

    fn code_unit(&mut self) -> Option<u16> {
        let mut unit = 0_u16;
        for _ in 0..4 {
            let digit = self.advance()?.to_digit(16)?;
            unit = unit.checked_mul(16)?.checked_add(u16::try_from(digit).ok()?)?;
        }
        Some(unit)
    }

    fn word(&mut self, place: DocumentPlace) -> Result<Value, Stop> {
        let mut word = String::new();
        while let Some(character) = self.characters.peek().copied() {
            if character.is_whitespace()
                || matches!(character, ',' | ':' | '{' | '}' | '[' | ']' | '"')
                || is_curly(character)
            {
                break;
            }
            word.push(character);
            self.advance();
        }
        match word.as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ if serde_json::from_str::<serde_json::Number>(&word).is_ok() => Ok(Value::Number(word)),
            _ => Err((
                place,
                format!(
                    "is not JSON: {} where a value should stand; text needs double quotes",
                    quoted(&word)
                ),
            )),
        }
    }

    fn skip_space(&mut self) {
        while let Some(character) = self.characters.peek().copied() {
            if !matches!(character, ' ' | '\t' | '\r' | '\n') {
                if !character.is_whitespace() {
                    return;
                }
                self.odd_spaces.push(self.place);
            }
            self.advance();
        }
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.characters.next()?;
        if character == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(character)
    }

    fn report_typography(&mut self) {
        for (places, what, cure) in [
            (&self.curly_quotes, "curly quotes", "straight double quotes (\")"),
            (
                &self.odd_spaces,
                "no-break or other special spaces",
                "plain spaces",
            ),
        ] {
            if let Some(first) = places.first() {
                let message = format!(
                    "is not JSON: {what} at {first}, {} in all, as word processors and web pages make them; replace \
                     them by {cure}",
                    places.len()
                );
                self.report.error(*first, message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
