//! Names drawn by chance, so that nobody else has them.

use crate::hex;

/// 32 hexadecimal digits: for what must never be taken for another.
pub fn id() -> String {
    hex::text(&rand::random::<[u8; 16]>())
}

/// Eight hexadecimal digits: for what does not live long.
pub fn short_id() -> String {
    hex::text(&rand::random::<[u8; 4]>())
}

/// As long as [`id`], in the form of a UUID.
pub fn uuid() -> String {
    hex::uuid(&rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_lengths_and_are_not_drawn_twice() {
        let names: [(fn() -> String, usize); 3] = [(id, 32), (short_id, 8), (uuid, 36)];
        for (draw, length) in names {
            let (one, other) = (draw(), draw());
            assert_eq!(one.len(), length, "{one}");
            // Two short ones are the same once in four thousand million runs.
            assert_ne!(one, other);
        }
    }
}
