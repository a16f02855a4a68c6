//! Makes expressions at random, of the functions and operators that the guide of DMS names. They are well-formed, and
//! stay clear of what SQLite itself leaves open: texts of numbers with more digits than all its versions agree about.

use rand::Rng;
use rand::rngs::SmallRng;

/// How deep expressions are nested.
const DEPTH: usize = 3;

/// Texts that are not made of others.
const TEXTS: [&str; 13] = [
    "$NAME",
    "$NAME",
    "$NOTE",
    "$name",
    "''",
    "'abc'",
    "'Z\u{fc}rich'",
    "'O''Hara'",
    "' x '",
    "NULL",
    "$AR_M_SOURCE_SCHEMA",
    "$AR_H_OPERATION",
    "$BIG",
];

/// Makes expressions.
#[derive(Debug)]
pub(crate) struct Generator {
    rng: SmallRng,
}

impl Generator {
    /// A generator that always makes the same expressions of the same seed.
    pub(crate) fn new(rng: SmallRng) -> Self {
        Self { rng }
    }

    /// The next expression.
    pub(crate) fn expression(&mut self) -> String {
        match self.rng.random_range(0..10) {
            0..5 => self.text(DEPTH),
            5..8 => self.number(DEPTH),
            8 => self.condition(DEPTH),
            _ => self.bytes(),
        }
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.rng.random_range(0..words.len())]
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&TEXTS).to_owned();
        }
        let depth = depth - 1;
        let (one, other) = (self.text(depth), self.text(depth));
        match self.rng.random_range(0..15) {
            0 | 1 => format!("{one}||{other}"),
            2 => format!("upper({one})"),
            3 => format!("lower({one} || {other})"),
            4 => format!("coalesce({one}, {other}, '-')"),
            5 => format!("ifnull({one}, {other})"),
            6 => format!("nullif({one}, {other})"),
            7 => format!("CASE WHEN {} THEN {one} ELSE {other} END", self.condition(depth)),
            8 => format!("CASE {one} WHEN 'Ann' THEN 'first' WHEN {other} THEN 'second' END"),
            9 => format!("hex({one})"),
            10 => format!("CAST({} AS TEXT)", self.whole(depth)),
            11 => self.moment_as_text(),
            12 => format!("hash_sha256({one} || '')"),
            _ => self.part(&one, &other),
        }
    }

    /// A text with something cut off or put in the place of something.
    fn part(&mut self, one: &str, other: &str) -> String {
        match self.rng.random_range(0..6) {
            0 => format!("trim({one})"),
            1 => {
                let function = self.pick(&["ltrim", "rtrim", "trim"]);
                format!(
                    "{function}({one}, {})",
                    self.pick(&["' A'", "'bl'", "'Z\u{fc}'", "''"])
                )
            }
            2 => {
                let old = self.pick(&["'a'", "'n'", "''", "' '", "'\u{4eac}'"]);
                format!("replace({one}, {old}, {other})")
            }
            3 => format!("substr({one}, {})", self.pick(&["1", "2", "-3", "0", "100"])),
            4 => {
                let from = self.pick(&["1", "3", "-4", "0"]);
                format!("substr({one}, {from}, {})", self.pick(&["2", "0", "-1", "50"]))
            }
            _ => {
                let old = self.pick(&["'abn'", "'a'", "'\u{fc}l '"]);
                format!(
                    "replaceChars({one}, {old}, {})",
                    self.pick(&["'xy'", "''", "'\u{4eac}'"])
                )
            }
        }
    }

    fn moment_as_text(&mut self) -> String {
        let moment = self.moment();
        match self.rng.random_range(0..3) {
            0 => {
                let formats = ["%Y", "%d.%m.%Y %H:%M:%S", "%j", "%w", "%s", "%Y%m%d%%"];
                format!("strftime('{}', {moment})", self.pick(&formats))
            }
            1 => format!("{}({moment})", self.pick(&["date", "time", "datetime"])),
            _ => {
                let steps = [
                    "'+1 day'",
                    "'start of month'",
                    "'-1 month'",
                    "'weekday 1'",
                    "'+36 hours'",
                ];
                format!("datetime({moment}, {})", self.pick(&steps))
            }
        }
    }

    /// A date, a time or both, and now and then something that is none.
    fn moment(&mut self) -> &'static str {
        self.pick(&[
            "$HIRED",
            "$HIRED",
            "$DAY",
            "$AT",
            "$NAME",
            "'2024-01-31 12:00:00'",
        ])
    }

    /// A number without a fraction.
    fn whole(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .pick(&["$ID", "$COUNT", "$ACTIVE", "0", "1", "-3", "7", "NULL"])
                .to_owned();
        }
        let depth = depth - 1;
        match self.rng.random_range(0..7) {
            0 => format!("length({})", self.text(depth)),
            1 => format!(
                "instr({}, {})",
                self.text(depth),
                self.pick(&["'a'", "'n'", "''", "'\u{4eac}'"])
            ),
            2 => format!("CAST({} AS INTEGER)", self.text(depth)),
            3 => format!("abs({})", self.whole(depth)),
            4 => format!("({} + {})", self.whole(depth), self.whole(depth)),
            5 => format!("({} % {})", self.whole(depth), self.whole(depth)),
            _ => format!("max({}, {})", self.whole(depth), self.whole(depth)),
        }
    }

    /// A number whose fraction, if it has one, is short.
    fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            let atoms = [
                "$ID", "$COUNT", "$SALARY", "$SALARY", "$RATIO", "$BIG", "0", "2", "2.5", "-0.25", "NULL",
            ];
            return self.pick(&atoms).to_owned();
        }
        let depth = depth - 1;
        let (one, other) = (self.number(depth), self.number(depth));
        match self.rng.random_range(0..15) {
            0 => format!("({one} + {other})"),
            1 => format!("({one} - {other})"),
            2 => format!("({one} * {})", self.pick(&["2", "-1", "0.5", "$COUNT"])),
            3 => format!("({one} / {})", self.pick(&["2", "0", "0.25", "4"])),
            4 => format!("round({one})"),
            5 => format!("round({one}, {})", self.pick(&["0", "1", "2"])),
            6 => format!("abs({one})"),
            7 => format!("{}({one}, {other})", self.pick(&["max", "min"])),
            8 => format!("coalesce({one}, {other})"),
            9 => format!("nullif({one}, {other})"),
            10 => format!("CASE WHEN {} THEN {one} ELSE {other} END", self.condition(depth)),
            11 => format!("CAST({one} AS {})", self.pick(&["INTEGER", "REAL", "NUMERIC"])),
            12 => format!(
                "julianday({})",
                self.pick(&["$DAY", "$HIRED", "'2024-01-31 12:00:00'"])
            ),
            13 => format!("-({one})"),
            _ => self.whole(depth),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let inner = depth.saturating_sub(1);
        match self.rng.random_range(0..11) {
            0 => format!(
                "{} {} {}",
                self.number(inner),
                self.pick(&["=", "<>", "<", ">=", "IS"]),
                self.number(inner)
            ),
            1 => format!(
                "{} {} {}",
                self.text(inner),
                self.pick(&["=", "!=", "<", ">"]),
                self.text(inner)
            ),
            2 => format!("{} IS NULL", self.text(inner)),
            3 => format!("{} IS NOT NULL", self.number(inner)),
            4 => format!("{} = NULL", self.number(inner)),
            5 => format!("{} IN ('Ann', '', 'abc')", self.text(inner)),
            6 => format!("{} BETWEEN -5 AND 100", self.number(inner)),
            7 => format!(
                "{} LIKE {}",
                self.text(inner),
                self.pick(&["'a%'", "'%n_'", "'%\u{4eac}%'", "''"])
            ),
            8 => "$HIRED > '2015'".to_owned(),
            9 if depth > 0 => format!("NOT ({})", self.condition(inner)),
            _ if depth > 0 => format!(
                "({} {} {})",
                self.condition(inner),
                self.pick(&["AND", "OR"]),
                self.condition(inner)
            ),
            _ => "$ACTIVE".to_owned(),
        }
    }

    fn bytes(&mut self) -> String {
        match self.rng.random_range(0..6) {
            0 => "hex($GUID)".to_owned(),
            1 => "lower(substr(hex($GUID), 1, 4))".to_owned(),
            2 => "substr($GUID, 2, 1)".to_owned(),
            3 => "zeroblob(3)".to_owned(),
            4 => format!("coalesce($GUID, {})", self.text(1)),
            _ => format!("length($GUID) + {}", self.number(1)),
        }
    }
}
