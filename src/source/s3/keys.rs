//! Reads a page of a listing; nothing is sent here.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};

use crate::hex;
use crate::model::ObjectVersion;
use crate::source::{ListCursor, ListPage};

/// The objects of an answer to a listing that started after `start_after`.
///
/// A page that cannot be relied on (keys out of order, no size, no way to go on) is an error and never a
/// shorter page: leaving an object out would lose its rows.
pub(super) fn page_of(output: ListObjectsV2Output, start_after: &str) -> Result<ListPage, String> {
    let is_encoded = output.encoding_type == Some(EncodingType::Url);
    let mut last_key = start_after.to_owned();
    let mut objects = Vec::new();
    for object in output.contents.unwrap_or_default() {
        let (key, version) = version_of(object, is_encoded)?;
        if key.as_bytes() <= last_key.as_bytes() && !last_key.is_empty() {
            return Err(format!(
                "the listing is not in key order ({key:?} after {last_key:?}); directory buckets cannot be read"
            ));
        }
        objects.extend(version);
        last_key = key;
    }
    let next = match output.is_truncated {
        Some(true) if last_key == start_after => {
            return Err("the listing says there is more but does not advance".to_owned());
        }
        Some(true) => Some(ListCursor {
            start_after: last_key,
        }),
        Some(false) | None => None,
    };
    Ok(ListPage { objects, next })
}

/// The key, and the version unless it is a folder marker.
fn version_of(object: Object, is_encoded: bool) -> Result<(String, Option<ObjectVersion>), String> {
    let key = object.key.ok_or("an object has no key")?;
    let key = if is_encoded { decode(&key)? } else { key };
    let size = object.size.and_then(|size| u64::try_from(size).ok());
    let size_bytes = size.ok_or_else(|| format!("object {key:?} has no size"))?;
    if key.ends_with('/') && size_bytes == 0 {
        return Ok((key, None));
    }
    let etag = object
        .e_tag
        .ok_or_else(|| format!("object {key:?} has no ETag"))?;
    let modified = object.last_modified.and_then(|at| at.to_millis().ok());
    let version = ObjectVersion {
        key: key.clone(),
        etag: bare_etag(&etag).to_owned(),
        size_bytes,
        modified_ms: modified.unwrap_or(0),
    };
    Ok((key, Some(version)))
}

/// An entity tag without its quotes.
pub(super) fn bare_etag(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// Undoes the URL encoding of S3, in which a space is a plus.
fn decode(encoded: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'+' => Some(b' '),
            b'%' => rest
                .next()
                .zip(rest.next())
                .and_then(|(high, low)| hex::byte(high, low)),
            plain => Some(plain),
        };
        bytes.push(decoded.ok_or_else(|| format!("the key {encoded:?} is not URL-encoded"))?);
    }
    String::from_utf8(bytes).map_err(|_error| format!("the key {encoded:?} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, size: i64) -> Object {
        Object::builder().key(key).size(size).e_tag("\"e\"").build()
    }

    fn page(objects: Vec<Object>, is_truncated: bool, start_after: &str) -> Result<ListPage, String> {
        let output = ListObjectsV2Output::builder()
            .set_contents(Some(objects))
            .is_truncated(is_truncated);
        page_of(output.build(), start_after)
    }

    #[test]
    fn keys_are_decoded_only_if_the_server_encoded_them() {
        for (encoded, expected) in [("a+b%2B%C3%BC%2f%0a", "a b+ü/\n"), ("plain", "plain")] {
            assert_eq!(decode(encoded).unwrap(), expected);
        }
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert!(decode(broken).is_err(), "{broken}");
        }
        let as_it_is = page(vec![object("a+b", 1)], false, "").unwrap();
        assert_eq!(as_it_is.objects[0].key, "a+b");
    }

    #[test]
    fn folder_markers_are_left_out_but_move_the_cursor() {
        let found = page(vec![object("a/1", 1), object("b/", 0), object("c/", 3)], true, "").unwrap();
        let keys: Vec<_> = found.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, ["a/1", "c/"]);
        let markers = page(vec![object("b/", 0)], true, "a").unwrap();
        assert_eq!(markers.next.unwrap().start_after, "b/");
    }

    #[test]
    fn a_page_that_cannot_be_relied_on_is_an_error() {
        for (objects, start_after) in [
            (vec![object("b", 1), object("a", 1)], ""),
            (vec![object("a", 1), object("a", 1)], ""),
            (vec![object("a", 1)], "a"),
            (vec![Object::builder().key("a").e_tag("e").build()], ""),
            (vec![Object::builder().key("a").size(1).build()], ""),
            (vec![], ""),
        ] {
            assert!(page(objects, true, start_after).is_err());
        }
    }
}
