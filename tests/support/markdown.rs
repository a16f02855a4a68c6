//! A Markdown document as a test needs it: links, headings, code and prose, each with its line. Knows what the
//! documents of this repository use, and no more.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

/// A part of a document and the 1-based line at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub line: usize,
    pub text: String,
}

/// A block of code between fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub language: String,
    pub code: Part,
}

/// A document.
#[derive(Debug)]
pub struct Document {
    pub path: String,
    /// The text with blank lines in the place of fences, and blanks in that of inline code.
    prose: String,
    pub fences: Vec<Fence>,
    pub inline_code: Vec<Part>,
    /// Headings as they are written.
    headings: Vec<String>,
    pub lines_count: usize,
}

impl Document {
    pub fn new(path: &str, text: &str) -> Self {
        let (unfenced, fences) = take_fences(text);
        let headings = unfenced.lines().filter(|line| line.starts_with('#'));
        let headings = headings
            .map(|line| line.trim_start_matches('#').trim().to_owned())
            .collect();
        let (prose, inline_code) = take_inline_code(&unfenced);
        Self {
            path: path.to_owned(),
            prose,
            fences,
            inline_code,
            headings,
            lines_count: text.lines().count(),
        }
    }

    /// Targets of links: inline ones, and those of `[name]: target`.
    pub fn links(&self) -> Vec<Part> {
        let mut links = Vec::new();
        for (index, line) in self.prose.lines().enumerate() {
            let mut add = |target: &str| {
                links.push(Part {
                    line: index + 1,
                    text: target.to_owned(),
                });
            };
            let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
            if let Some((_, target)) = defined {
                add(target.trim());
            }
            for rest in line.split("](").skip(1) {
                add(rest.split(')').next().unwrap_or(rest));
            }
        }
        links
    }

    /// The anchors that GitHub gives the headings.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for heading in &self.headings {
            let kept = heading
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect::<String>();
            let same = anchors
                .iter()
                .filter(|anchor| **anchor == kept || anchor.strip_prefix(&kept).is_some_and(is_number));
            let anchor = match same.count() {
                0 => kept,
                count => format!("{kept}-{count}"),
            };
            anchors.push(anchor);
        }
        anchors
    }

    /// The prose in lower case with single blanks, and the line of each byte.
    pub fn flowing(&self) -> (String, Vec<usize>) {
        let (mut text, mut lines) = (String::from(" "), vec![1]);
        for (index, line) in self.prose.lines().enumerate() {
            for word in line.split_whitespace() {
                text.push_str(&word.to_lowercase());
                text.push(' ');
                lines.resize(text.len(), index + 1);
            }
        }
        (text, lines)
    }
}

fn is_number(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|digits| digits.parse::<usize>().is_ok())
}

/// The text with blank lines in the place of fenced blocks, and the blocks. A fence may be indented.
fn take_fences(text: &str) -> (String, Vec<Fence>) {
    let (mut rest, mut fences) = (String::new(), Vec::new());
    let mut open: Option<Fence> = None;
    for (index, line) in text.lines().enumerate() {
        let mark = line.trim_start().strip_prefix("```");
        match (open.take(), mark) {
            (None, None) => rest.push_str(line),
            (None, Some(language)) => {
                open = Some(Fence {
                    language: language.trim().to_owned(),
                    code: Part {
                        line: index + 2,
                        text: String::new(),
                    },
                });
            }
            (Some(fence), Some(_)) => fences.push(fence),
            (Some(mut fence), None) => {
                fence.code.text.push_str(line);
                fence.code.text.push('\n');
                open = Some(fence);
            }
        }
        rest.push('\n');
    }
    // A fence that nobody closed runs to the end.
    fences.extend(open);
    (rest, fences)
}

/// The text with blanks in the place of inline code, and the code. Code ends before the next blank line.
fn take_inline_code(text: &str) -> (String, Vec<Part>) {
    let (mut prose, mut spans) = (String::new(), Vec::new());
    let mut from = 0;
    while let Some(start) = text[from..].find('`').map(|at| from + at) {
        prose.push_str(&text[from..start]);
        let block_end = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
        let Some(end) = text[start + 1..block_end].find('`').map(|at| start + 1 + at) else {
            prose.push('`');
            from = start + 1;
            continue;
        };
        let code = &text[start + 1..end];
        spans.push(Part {
            line: text[..start].matches('\n').count() + 1,
            text: code.split_whitespace().collect::<Vec<_>>().join(" "),
        });
        // A word, so that what stands before and after the code does not run together.
        prose.push('\u{b7}');
        prose.extend(code.chars().filter(|c| *c == '\n'));
        from = end + 1;
    }
    prose.push_str(&text[from..]);
    (prose, spans)
}
