//! The document of the API says what the code says, and so does its description for programs.

#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use bucket_brigade::serve::openapi::{ENDPOINTS, as_markdown, document};
use serde_json::Value;

use crate::fenced::assert_table;

#[test]
fn the_table_of_endpoints_is_what_the_code_says() {
    assert_table("docs/api.md", "<!-- endpoints -->\n", &as_markdown());
}

#[test]
fn the_description_is_openapi_3_1_and_has_every_endpoint() {
    let described = serde_json::to_value(document()).unwrap();
    assert_eq!(described["openapi"], "3.1.0", "{described:#}");
    for endpoint in ENDPOINTS {
        let method = if endpoint.is_order { "post" } else { "get" };
        let operation = &described["paths"][endpoint.path][method];
        assert!(operation["responses"].is_object(), "{}", endpoint.path);
        let takes_token = operation["security"].is_array();
        assert_eq!(takes_token, !endpoint.is_open(), "{}", endpoint.path);
    }
    let body = &described["paths"]["/api/v1/files/decide"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    assert_eq!(body["additionalProperties"], Value::Bool(false), "{body:#}");
    let decisions = &body["properties"]["decision"]["oneOf"][0]["enum"];
    assert_eq!(decisions.as_array().map(Vec::len), Some(3), "{body:#}");
}
