//! A delimiter to search for: one byte or several. Pure: no I/O, no clock.

use memchr::memmem::Finder;

/// A delimiter, ready to be searched for with SIMD.
#[derive(Debug, Clone)]
pub enum Needle {
    /// A single byte.
    Byte(u8),
    /// Several bytes; none at all is never found.
    Bytes(Box<Finder<'static>>),
}

impl Needle {
    /// A needle for the delimiter.
    pub fn new(delimiter: &[u8]) -> Self {
        match delimiter {
            [byte] => Self::Byte(*byte),
            bytes => Self::Bytes(Box::new(Finder::new(bytes).into_owned())),
        }
    }

    /// Where the first occurrence starts.
    pub fn find(&self, haystack: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr(*byte, haystack),
            Self::Bytes(finder) if finder.needle().is_empty() => None,
            Self::Bytes(finder) => finder.find(haystack),
        }
    }

    /// How many times it occurs, without overlaps, from left to right.
    pub fn count(&self, haystack: &[u8]) -> usize {
        match self {
            Self::Byte(byte) => memchr::memchr_iter(*byte, haystack).count(),
            Self::Bytes(finder) if finder.needle().is_empty() => 0,
            Self::Bytes(finder) => finder.find_iter(haystack).count(),
        }
    }

    /// What is searched for.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => std::slice::from_ref(byte),
            Self::Bytes(finder) => finder.needle(),
        }
    }

    /// Its length in bytes.
    pub fn bytes_count(&self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Bytes(finder) => finder.needle().len(),
        }
    }

    /// Whether it is exactly this byte.
    pub fn is_byte(&self, byte: u8) -> bool {
        matches!(self, Self::Byte(own) if *own == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_and_several_bytes_are_found_alike() {
        for (delimiter, haystack, expected, count) in [
            (&b","[..], &b"ab,c,"[..], Some(2), 2),
            (b"||", b"a|||b||", Some(1), 2),
            (b",", b"abc", None, 0),
            (b"", b"abc", None, 0),
        ] {
            let needle = Needle::new(delimiter);
            assert_eq!(needle.find(haystack), expected, "{delimiter:?} in {haystack:?}");
            assert_eq!(needle.count(haystack), count, "{delimiter:?} in {haystack:?}");
            assert_eq!(needle.bytes_count(), delimiter.len());
        }
    }
}
