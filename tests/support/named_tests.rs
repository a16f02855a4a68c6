//! Tests that documents name.

/// Whether `FILE::NAME` is a function with a test attribute.
pub(crate) fn exists(test: &str, read: impl Fn(&str) -> Option<String>) -> bool {
    let Some((path, name)) = test.split_once("::") else {
        return false;
    };
    let code = read(path).unwrap_or_default();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[") && (line.contains("test]") || line.contains("test(")) {
            is_test = true;
        } else if let Some(rest) = line
            .strip_prefix("async fn ")
            .or_else(|| line.strip_prefix("fn "))
        {
            if is_test && rest.split('(').next() == Some(name) {
                return true;
            }
            is_test = false;
        }
    }
    false
}
