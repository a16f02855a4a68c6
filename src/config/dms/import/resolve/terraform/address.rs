//! Addresses of Terraform: `module.a["x"].aws_dms_endpoint.in[0]`. Pure: no I/O, no clock.

/// The parts between the dots, but for those within brackets.
pub(super) fn segments(address: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut is_within = false;
    let mut rest = address;
    let mut from = 0;
    while let Some((at, found)) = rest
        .char_indices()
        .skip_while(|(at, _)| *at < from)
        .find(|(_, character)| matches!(character, '.' | '[' | ']'))
    {
        from = at + 1;
        match found {
            '[' => is_within = true,
            ']' => is_within = false,
            _ if is_within => {}
            _ => {
                if let Some((segment, after)) = rest.split_at_checked(at) {
                    segments.push(segment);
                    rest = after.strip_prefix('.').unwrap_or(after);
                    from = 0;
                }
            }
        }
    }
    segments.push(rest);
    segments
}

/// A segment without its index.
pub(super) fn without_index(segment: &str) -> &str {
    segment.split_once('[').map_or(segment, |(name, _)| name)
}

/// The modules that an address leads through, and what follows them.
pub(super) fn split_modules(address: &str) -> (Vec<&str>, Vec<&str>) {
    let mut modules = Vec::new();
    let segments = segments(address);
    let mut rest = segments.as_slice();
    while let ["module", name, after @ ..] = rest {
        modules.push(*name);
        rest = after;
    }
    (modules, rest.to_vec())
}

/// Modules as an address begins with them.
pub(super) fn prefix(modules: &[&str]) -> String {
    let mut prefix = String::new();
    for name in modules {
        prefix.extend(["module.", name, "."]);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_within_an_index_do_not_divide() {
        assert_eq!(
            split_modules(r#"module.a["x.y"].module.b.aws_dms_endpoint.in[0]"#),
            (vec![r#"a["x.y"]"#, "b"], vec!["aws_dms_endpoint", "in[0]"])
        );
        assert_eq!(split_modules("var.x"), (Vec::new(), vec!["var", "x"]));
        assert_eq!(segments(""), [""]);
        assert_eq!(without_index("in[0]"), "in");
        assert_eq!(prefix(&["a[0]", "b"]), "module.a[0].module.b.");
    }
}
