//! What an expression is made of, as SQLite cuts it up: a word is found as a word, and not within a name or a text. Pure:
//! no I/O, no clock.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// White space or a comment.
    Space,
    /// A keyword, the name of a function, a number.
    Word,
    /// `$name`.
    Variable,
    /// A text in single quotes.
    Text,
    /// A name in double quotes, backquotes or brackets. SQLite takes one in double quotes that it does not know for a text.
    Name,
    /// Anything else: one character.
    Symbol,
}

/// A token as it is written.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// What gives the time of day without any call.
const UNSTABLE_WORDS: &[&str] = &["current_time", "current_date", "current_timestamp"];
/// What gives something else at each call.
const UNSTABLE_CALLS: &[&str] = &["random", "randomblob"];
/// Functions of a time, with the number of the parameter that is the time: without it they take the time of day.
const OF_A_TIME: &[(&str, usize)] = &[
    ("date", 0),
    ("time", 0),
    ("datetime", 0),
    ("julianday", 0),
    ("unixepoch", 0),
    ("strftime", 1),
    ("timediff", 1),
];
/// Words of queries, through which a text reaches a function that stands elsewhere.
const QUERY_WORDS: &[&str] = &["select", "with", "values"];

fn is_curly(character: char) -> bool {
    matches!(character, '\u{2018}' | '\u{2019}')
}

/// Whether a character can stand in a word or the name of a variable.
fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '_' | '$')
        || (!character.is_ascii() && !is_curly(character))
}

/// Cuts an expression into tokens, which together are all of it.
fn tokens(expression: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token_at(rest, first);
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(Token { kind, text });
        rest = after;
    }
    tokens
}

/// Kind and bytes of the token that begins a text.
fn token_at(text: &str, first: char) -> (Kind, usize) {
    let behind = text.get(first.len_utf8()..).unwrap_or_default();
    let run = |is_part: fn(char) -> bool| {
        let length = behind.find(|character| !is_part(character));
        first.len_utf8() + length.unwrap_or(behind.len())
    };
    let until = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    match first {
        _ if first.is_ascii_whitespace() => (Kind::Space, run(|character| character.is_ascii_whitespace())),
        '-' if text.starts_with("--") => (Kind::Space, until("\n")),
        '/' if text.starts_with("/*") => (Kind::Space, until("*/")),
        '\'' => (Kind::Text, quoted_length(text, '\'')),
        '"' | '`' => (Kind::Name, quoted_length(text, first)),
        '[' => (Kind::Name, until("]")),
        _ if is_curly(first) => {
            let end = behind
                .char_indices()
                .find(|(_, other)| is_curly(*other) || *other == '\'');
            let length = end.map_or(behind.len(), |(at, other)| at + other.len_utf8());
            (Kind::Text, first.len_utf8() + length)
        }
        '$' | '@' | ':' | '#' => (Kind::Variable, run(is_of_word)),
        _ if is_of_word(first) => (Kind::Word, run(is_of_word)),
        _ => (Kind::Symbol, first.len_utf8()),
    }
}

/// Bytes of what stands in quotes; a doubled quote is one of its characters.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_open = false;
    for (at, character) in text.char_indices() {
        let is_quote = character == quote;
        if !is_quote && !is_open && at > 0 {
            return at;
        }
        is_open ^= is_quote;
    }
    text.len()
}

impl<'a> Token<'a> {
    /// What stands between its quotes, or the token itself.
    fn content(self) -> &'a str {
        match self.kind {
            Kind::Text | Kind::Name => {
                let mut characters = self.text.chars();
                characters.next();
                let inner = characters.as_str();
                inner
                    .char_indices()
                    .next_back()
                    .map_or("", |(last, _)| inner.get(..last).unwrap_or_default())
            }
            Kind::Space | Kind::Word | Kind::Variable | Kind::Symbol => self.text,
        }
    }

    fn is_symbol(self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    fn is_word(self, words: &[&str]) -> bool {
        self.kind == Kind::Word && words.iter().any(|word| self.text.eq_ignore_ascii_case(word))
    }

    /// Whether it is, or may be taken for, a text that is one of these.
    fn is_text(self, texts: &[&str]) -> bool {
        let content = self.content().trim();
        matches!(self.kind, Kind::Text | Kind::Name)
            && texts.iter().any(|text| content.eq_ignore_ascii_case(text))
    }
}

/// Word processors curl quotes, and the guide of DMS has some of them in its examples. Those that stand for the quotes of
/// a text are mended; within a text they are characters of it.
pub(super) fn straighten(expression: &str) -> String {
    let mut straight = String::with_capacity(expression.len());
    for token in tokens(expression) {
        if token.kind == Kind::Text && token.text.starts_with(is_curly) {
            let behind = token.text.trim_start_matches(is_curly);
            let is_closed = token.text.ends_with(|last| is_curly(last) || last == '\'');
            straight.push('\'');
            if is_closed && token.text.chars().count() > 1 {
                straight.push_str(token.content());
                straight.push('\'');
            } else {
                straight.push_str(behind);
            }
        } else {
            straight.push_str(token.text);
        }
    }
    straight
}

/// The expression with texts in the place of some variables.
pub(super) fn with_texts(expression: &str, text_of: impl Fn(&str) -> Option<String>) -> String {
    let replaced = |token: Token<'_>| {
        let text = (token.kind == Kind::Variable)
            .then(|| text_of(token.text))
            .flatten();
        text.map_or_else(
            || token.text.to_owned(),
            |text| format!("'{}'", text.replace('\'', "''")),
        )
    };
    tokens(expression).into_iter().map(replaced).collect()
}

/// Whether a function is called.
pub(super) fn calls(expression: &str, function: &str) -> bool {
    calls_of(&significant(expression)).any(|(name, _)| name.content().eq_ignore_ascii_case(function))
}

/// Refuses what gives something else each time: such a row would not be recognised in the stream again.
pub(super) fn refuse_unstable(expression: &str) -> Result<(), String> {
    match unstable(&significant(expression)) {
        None => Ok(()),
        Some(what) => Err(format!(
            "`{what}` gives something else each time, and a row must give the same message whenever it is rendered, or a \
             restart could not recognise it in the stream; use $AR_H_TIMESTAMP or hash_sha256 of a column"
        )),
    }
}

fn significant(expression: &str) -> Vec<Token<'_>> {
    let tokens = tokens(expression).into_iter();
    tokens.filter(|token| token.kind != Kind::Space).collect()
}

/// The names that a bracket follows, with what stands in it and after it.
fn calls_of<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = (Token<'a>, &'t [Token<'a>])> {
    tokens.iter().enumerate().filter_map(|(index, token)| {
        let is_name = matches!(token.kind, Kind::Word | Kind::Name);
        let (bracket, behind) = tokens.get(index + 1..)?.split_first()?;
        (is_name && bracket.is_symbol("(")).then_some((*token, behind))
    })
}

/// The parameters of a call, given what stands behind its bracket.
fn parameters<'t, 'a>(behind: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let (mut depth, mut start, mut parameters) = (0_usize, 0, Vec::new());
    for (index, token) in behind.iter().enumerate() {
        let is_end = depth == 0 && token.is_symbol(")");
        if is_end || (depth == 0 && token.is_symbol(",")) {
            parameters.push(behind.get(start..index).unwrap_or_default());
            start = index + 1;
        }
        if is_end {
            break;
        }
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
    }
    parameters
}

/// What of an expression gives something else each time.
fn unstable(tokens: &[Token<'_>]) -> Option<String> {
    let is_now = |token: &Token<'_>| token.is_text(&["now"]);
    if let Some(word) = tokens.iter().find(|token| token.is_word(UNSTABLE_WORDS)) {
        return Some(word.text.to_owned());
    }
    let has_query = tokens.iter().any(|token| token.is_word(QUERY_WORDS));
    for (name, behind) in calls_of(tokens) {
        let is_called = |known: &str| name.content().eq_ignore_ascii_case(known);
        if UNSTABLE_CALLS.iter().any(|known| is_called(known)) {
            return Some(format!("{}()", name.content()));
        }
        let Some((known, place)) = OF_A_TIME.iter().find(|(known, _)| is_called(known)) else {
            continue;
        };
        let parameters = parameters(behind);
        let time = parameters.get(*place).filter(|time| !time.is_empty());
        let Some(time) = time else {
            return Some(format!("{known} without a time"));
        };
        let is_of_day = |token: &Token<'_>| token.is_text(&["subsec", "subsecond"]);
        if time.iter().any(is_of_day) {
            return Some(format!("{known} of 'subsec' alone"));
        }
        let mut within = parameters.iter().flat_map(|parameter| parameter.iter());
        if within.any(is_now) || (has_query && tokens.iter().any(is_now)) {
            return Some(format!("{known} of 'now'"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_are_all_of_an_expression(text in "[a$_1 '\"`(),\\[\\]\u{2018}\u{2019}\u{e9}/*\\n-]{0,40}") {
            let whole: String = tokens(&text).iter().map(|token| token.text).collect();
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn nothing_but_typographic_quotes_is_mended(text in "[a$_1 '\"`(),\\[\\]\u{e9}/*\\n-]{0,40}") {
            prop_assert_eq!(straighten(&text), text);
        }
    }

    #[test]
    fn quotes_are_mended_where_they_stand_for_quotes() {
        for (written, mended) in [
            ("\u{2018}a\u{2019}||\u{2019}b\u{2019}", "'a'||'b'"),
            ("'it\u{2019}s'||\u{2018}x\u{2019}", "'it\u{2019}s'||'x'"),
            ("'a''\u{2018}b'", "'a''\u{2018}b'"),
            ("\"O\u{2019}B\" -- \u{2018}c\n", "\"O\u{2019}B\" -- \u{2018}c\n"),
            ("$a\u{2018}", "$a'"),
            ("\u{2018}ab", "'ab"),
            ("\u{2018}\u{2019}", "''"),
        ] {
            assert_eq!(straighten(written), mended, "{written}");
        }
    }

    #[test]
    fn what_is_unstable_is_told_from_what_only_reads_so() {
        for stable in [
            "'now'",
            "$current_date_of_hire",
            "date($now)",
            "date($current_date, 'subsec')",
            "'random()' || \"current\"",
            "lower($time) = 'now'",
            "my_random(1)",
            "/* random() */ 1 -- date()",
            "strftime('%Y', $hired)",
        ] {
            assert_eq!(refuse_unstable(stable), Ok(()), "{stable}");
        }
        for unstable in [
            "RANDOM ()",
            "[random](1)",
            "current_timestamp",
            "lower(date(\n))",
            "julianday(coalesce($a, ' NOW '))",
            "strftime('%s')",
            "strftime('%s', 'subsecond')",
            "timediff('now', $a)",
            "(with v(x) as (values ('now')) select date(x) from v)",
        ] {
            assert!(refuse_unstable(unstable).is_err(), "{unstable}");
        }
    }

    #[test]
    fn a_function_is_called_where_its_name_has_a_bracket() {
        assert!(calls(
            "lower(Operation_Indicator ('D','U','I'))",
            "operation_indicator"
        ));
        assert!(!calls(
            "'operation_indicator(1,2,3)' || $operation_indicator",
            "operation_indicator"
        ));
    }
}
