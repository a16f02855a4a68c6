//! The text of Prometheus as OpenMetrics wants it. Pure: no I/O, no clock.
//!
//! Three things differ: a counter's family has no `_total`, only its samples have; an upper end of a range is written
//! with its fraction; and the text ends with a mark, so that half of it is not taken for all.

/// What its type is called, for scrapers that ask for it.
pub const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a scraper takes OpenMetrics at least as gladly as anything else.
pub fn is_accepted(accept: &str) -> bool {
    let kinds = accept.split(',').map(Offer::of);
    let best =
        |is_wanted: fn(&Offer<'_>) -> bool| kinds.clone().filter(is_wanted).map(|offer| offer.weight).max();
    let open = best(|offer| offer.kind.eq_ignore_ascii_case("application/openmetrics-text"));
    let text = best(|offer| offer.kind.eq_ignore_ascii_case("text/plain"));
    open.is_some_and(|open| open > 0 && Some(open) >= text)
}

/// A type, and how much it is wanted, in thousandths.
struct Offer<'t> {
    kind: &'t str,
    weight: u32,
}

impl<'t> Offer<'t> {
    fn of(text: &'t str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Self {
            kind,
            weight: weight.map_or(1_000, thousandths),
        }
    }
}

/// A weight such as `1`, `0.5` or `0.125`.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let whole: u32 = whole.parse().unwrap_or(0);
    whole * 1_000 + digits.parse().unwrap_or(0)
}

/// The same metrics in OpenMetrics.
pub(super) fn of_prometheus_text(text: &str) -> String {
    let mut counters = text.lines().filter_map(|line| {
        let family = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        family.strip_suffix("_total")
    });
    let mut counter = counters.next();
    let mut open = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(about) => {
                open.push_str("# ");
                push_about(&mut open, about, counter);
                let is_type = about.starts_with("TYPE ") && about.ends_with(" counter");
                if is_type {
                    counter = counters.next();
                }
            }
            None => push_sample(&mut open, line),
        }
        open.push('\n');
    }
    open.push_str("# EOF\n");
    open
}

/// `HELP` or `TYPE` of a family. The next counter is handed in, because what `HELP` says comes before its type.
fn push_about(open: &mut String, about: &str, counter: Option<&str>) {
    let mut words = about.splitn(3, ' ');
    let (what, family, rest) = (words.next(), words.next(), words.next());
    let (what, family, rest) = (
        what.unwrap_or_default(),
        family.unwrap_or_default(),
        rest.unwrap_or_default(),
    );
    let is_counter = counter.is_some_and(|counter| family.strip_suffix("_total") == Some(counter));
    let family = if is_counter {
        family.strip_suffix("_total").unwrap_or(family)
    } else {
        family
    };
    open.push_str(what);
    open.push(' ');
    open.push_str(family);
    open.push(' ');
    if what == "HELP" {
        open.push_str(&rest.replace('"', "\\\""));
    } else {
        open.push_str(rest);
    }
}

/// A sample; of a histogram `le="1"` becomes `le="1.0"`.
fn push_sample(open: &mut String, line: &str) {
    let label = line.rfind(",le=\"").or_else(|| line.find("{le=\""));
    let parts = label.and_then(|label| {
        let (before, rest) = line.split_at_checked(label + 1)?;
        let (end, after) = rest.strip_prefix("le=\"")?.split_once('"')?;
        Some((before, end, after))
    });
    let Some((before, end, after)) = parts else {
        open.push_str(line);
        return;
    };
    open.push_str(before);
    open.push_str("le=\"");
    open.push_str(end);
    if !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit()) {
        open.push_str(".0");
    }
    open.push('"');
    open.push_str(after);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_ranges_and_the_end_are_said_otherwise() {
        let text = "# HELP b_rows_total Rows \"read\".\n# TYPE b_rows_total counter\nb_rows_total{table=\"s.t\"} 7\n\
                    # HELP b_sum_total A gauge.\n# TYPE b_sum_total gauge\nb_sum_total 1\n\
                    # HELP d_seconds Time.\n# TYPE d_seconds histogram\nd_seconds_bucket{task=\"ale=\",le=\"1\"} 2\n\
                    d_seconds_bucket{le=\"0.5\"} 1\nd_seconds_bucket{le=\"+Inf\"} 2\nd_seconds_count 2\n";
        let open = "# HELP b_rows Rows \\\"read\\\".\n# TYPE b_rows counter\nb_rows_total{table=\"s.t\"} 7\n\
                    # HELP b_sum_total A gauge.\n# TYPE b_sum_total gauge\nb_sum_total 1\n\
                    # HELP d_seconds Time.\n# TYPE d_seconds histogram\nd_seconds_bucket{task=\"ale=\",le=\"1.0\"} 2\n\
                    d_seconds_bucket{le=\"0.5\"} 1\nd_seconds_bucket{le=\"+Inf\"} 2\nd_seconds_count 2\n# EOF\n";
        assert_eq!(of_prometheus_text(text), open);
    }

    #[test]
    fn a_scraper_gets_what_it_likes_best() {
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "text/plain, application/openmetrics-text; version=1.0.0",
        ] {
            assert!(is_accepted(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html, application/json",
            "application/openmetrics-text;q=0",
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5",
        ] {
            assert!(!is_accepted(accept), "{accept}");
        }
    }
}
