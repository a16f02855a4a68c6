//! Bytes as lower-case hexadecimal digits, and back. Pure: no I/O, no clock.

/// The two digits of a byte.
pub fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0x0F].map(|digit| {
        if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }
    })
}

/// Appends the digits of bytes.
pub fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().flat_map(|byte| digits(*byte)));
}

/// The digits of bytes.
pub fn text(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| digits(*byte));
    digits.map(char::from).collect()
}

/// Bytes in the form of a UUID: a dash after the 4th, 6th, 8th and 10th of its 16.
pub fn uuid(bytes: &[u8; 16]) -> String {
    let mut uuid = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            uuid.push('-');
        }
        uuid.extend(digits(*byte).map(char::from));
    }
    uuid
}

/// The byte that two digits of either case stand for.
pub fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    Some(digit(high)? << 4 | digit(low)?)
}

/// The bytes that digits of either case stand for; `None` if something else stands between them, or half a byte.
pub fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| byte(*high, *low));
    bytes.collect::<Option<_>>().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_lower_case_and_of_either_case_when_read() {
        assert_eq!(text(&[0x00, 0x9f, 0xfa]), "009ffa");
        let mut out = b"0x".to_vec();
        push(&mut out, &[0xde, 0xad]);
        assert_eq!(out, b"0xdead");
        assert_eq!(bytes(b"fF0a"), Some(vec![0xff, 0x0a]));
        assert_eq!(bytes(b""), Some(Vec::new()));
        for wrong in ["zz", "f", "ff0", "+f", "0x", "ü"] {
            assert_eq!(bytes(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_uuid_has_its_dashes() {
        let bytes = [
            0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8,
        ];
        assert_eq!(uuid(&bytes), "12345678-9abc-def0-0102-030405060708");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(some: Vec<u8>) {
            prop_assert_eq!(bytes(text(&some).as_bytes()), Some(some));
        }
    }
}
