//! The page: files that are part of the program, and what a browser may do with them.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What a browser may load and do: what comes from here, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and content of each file.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/actions.js", SCRIPT, include_str!("page/actions.js")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/cells.js", SCRIPT, include_str!("page/cells.js")),
    ("/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/figures.js", SCRIPT, include_str!("page/figures.js")),
    ("/format.js", SCRIPT, include_str!("page/format.js")),
    ("/measures.js", SCRIPT, include_str!("page/measures.js")),
    ("/orders.js", SCRIPT, include_str!("page/orders.js")),
    ("/records.js", SCRIPT, include_str!("page/records.js")),
    ("/sections.js", SCRIPT, include_str!("page/sections.js")),
    ("/shards.js", SCRIPT, include_str!("page/shards.js")),
    ("/verify.js", SCRIPT, include_str!("page/verify.js")),
    ("/words.js", SCRIPT, include_str!("page/words.js")),
];

/// A route for each file.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(move || async move { file(kind, content) }))
    })
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in quotes that end so.
    fn names<'t>(text: &'t str, ending: &'t str) -> impl Iterator<Item = &'t str> {
        text.split(['"', '\'']).filter(move |name| name.ends_with(ending))
    }

    #[test]
    fn the_page_asks_for_files_that_there_are_and_for_nothing_elsewhere() {
        let mut asked = 0;
        for (path, _, content) in FILES {
            for name in names(content, ".js").chain(names(content, ".css")) {
                asked += 1;
                let name = name.trim_start_matches(['.', '/']);
                let is_there = FILES
                    .iter()
                    .any(|(path, _, _)| path.trim_start_matches('/') == name);
                assert!(is_there, "{path} asks for {name}");
            }
            let elsewhere = content.replace("http://www.w3.org/", "");
            assert!(!elsewhere.contains("://"), "{path} names another host");
        }
        assert!(asked >= 10, "only {asked}");
        let bytes: usize = FILES.iter().map(|(_, _, content)| content.len()).sum();
        assert!(bytes < 150_000, "{bytes} bytes");
    }

    #[test]
    fn nothing_is_inline_that_the_policy_forbids() {
        for (path, _, content) in FILES {
            for forbidden in [
                " style=",
                "<style",
                "onclick=",
                "javascript:",
                "innerHTML",
                "eval(",
            ] {
                assert!(!content.contains(forbidden), "{path} has {forbidden}");
            }
        }
    }
}
