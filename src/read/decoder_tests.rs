//! The decoder against the encoders of the same formats, cut into all kinds of pieces, whole and damaged.

use std::io::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn encode(compression: Compression, text: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => gzip(text),
        Compression::Zstd => zstd(text),
    }
}

/// The text of the input, and what is wrong after it. The sizes of the pieces come around again and again.
fn decode(
    compression: Compression,
    input: &[u8],
    pieces: &[usize],
    room: usize,
) -> (Vec<u8>, Result<(), DecodeProblem>) {
    let mut decoder = Decoder::new(compression, 1_000).unwrap();
    let (mut text, mut output) = (Vec::new(), vec![0; room]);
    let mut sizes = pieces.iter().cycle();
    let mut rest = input;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        let mut piece = piece;
        while !piece.is_empty() {
            match decoder.decode(piece, &mut output) {
                Ok(DecodeProgress { taken, given }) => {
                    assert!(given > 0 || taken == piece.len(), "no progress");
                    piece = &piece[taken..];
                    text.extend_from_slice(&output[..given]);
                }
                Err(problem) => return (text, Err(problem)),
            }
        }
        rest = behind;
    }
    loop {
        match decoder.finish(&mut output) {
            Ok(0) => return (text, Ok(())),
            Ok(given) => text.extend_from_slice(&output[..given]),
            Err(problem) => return (text, Err(problem)),
        }
    }
}

fn any_compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::Gzip), Just(Compression::Zstd)]
}

/// Texts that compress well, badly and not at all, empty ones among them.
fn any_parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let noise = vec(any::<u8>(), 0..3_000);
    let rows = (0_usize..400).prop_map(|rows| b"1234,some text,\n".repeat(rows));
    vec(prop_oneof![noise, rows], 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_number_of_parts_in_any_pieces_is_their_text(
        compression in any_compression(), parts in any_parts(), pieces in vec(1_usize..900, 1..4), room in 1_usize..5_000,
    ) {
        let input: Vec<u8> = parts.iter().flat_map(|part| encode(compression, part)).collect();
        let (text, result) = decode(compression, &input, &pieces, room);
        prop_assert_eq!(result, Ok(()));
        prop_assert!(text == parts.concat(), "another text");
    }

    #[test]
    fn input_that_is_cut_off_anywhere_is_told_with_the_byte(
        compression in any_compression(), parts in any_parts(), pieces in vec(1_usize..900, 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let encoded: Vec<Vec<u8>> = parts.iter().map(|part| encode(compression, part)).collect();
        let borders: Vec<usize> = encoded.iter().scan(0, |end, part| { *end += part.len(); Some(*end) }).collect();
        let input = encoded.concat();
        let kept = cut.index(input.len() - 1) + 1;
        let (text, result) = decode(compression, &input[..kept], &pieces, 1_000);
        prop_assert!(parts.concat().starts_with(&text), "text that is not there");
        if borders.contains(&kept) {
            prop_assert_eq!(result, Ok(()));
        } else {
            let start = borders.iter().rev().find(|border| **border < kept).copied().unwrap_or(0);
            let expected = DecodeProblem::Truncated {
                name: compression.name(), part: compression.part(), at: saturate::to_u64(kept), part_start: saturate::to_u64(start),
                text_bytes: saturate::to_u64(text.len()),
            };
            prop_assert_eq!(result, Err(expected));
        }
    }

    #[test]
    fn a_flipped_bit_never_passes_for_the_text(
        compression in any_compression(), parts in any_parts(), flip in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut input: Vec<u8> = parts.iter().flat_map(|part| encode(compression, part)).collect();
        let at = flip.index(input.len());
        input[at] ^= 1 << bit;
        let (text, result) = decode(compression, &input, &[100], 1_000);
        // Bits of a gzip header that mean nothing to the text may flip.
        prop_assert!(result.is_err() || text == parts.concat(), "byte {at}");
    }
}

#[test]
fn what_follows_the_last_part_is_named_with_its_byte() {
    for (compression, tail) in [
        (Compression::Gzip, &b"garbage"[..]),
        (Compression::Gzip, b"\x1F and not a member"),
        (Compression::Gzip, b"\0\0\0 behind zeros"),
        (Compression::Zstd, b"garbage"),
        (Compression::Zstd, b"\0\0\0\0"),
        (Compression::Zstd, b"\x28\xB5\x2F and not a frame"),
    ] {
        let input = [encode(compression, b"1,a\n"), encode(compression, b"2,b\n")].concat();
        let end = saturate::to_u64(input.len());
        let with_tail = [&input, tail].concat();
        for piece in [1, 3, 1_000] {
            let (text, result) = decode(compression, &with_tail, &[piece], 100);
            assert_eq!(text, b"1,a\n2,b\n");
            let Err(DecodeProblem::Garbage {
                parts_count: 2,
                at,
                text_bytes: 8,
                ..
            }) = result
            else {
                panic!("{compression:?} {tail:?}: {result:?}");
            };
            let zeros = tail.iter().take_while(|byte| **byte == 0).count();
            let zeros = if compression == Compression::Gzip {
                saturate::to_u64(zeros)
            } else {
                0
            };
            assert_eq!(at, end + zeros, "{compression:?} {tail:?}");
        }
    }
}

#[test]
fn zeros_after_the_last_member_of_gzip_are_padding() {
    let input = [gzip(b"1,a\n"), vec![0; 1_000]].concat();
    for piece in [1, 7, 5_000] {
        assert_eq!(
            decode(Compression::Gzip, &input, &[piece], 100),
            (b"1,a\n".to_vec(), Ok(()))
        );
    }
}

#[test]
fn an_empty_object_is_no_gzip_only_if_something_is_missing() {
    assert_eq!(decode(Compression::Gzip, b"", &[1], 10), (Vec::new(), Ok(())));
    assert_eq!(
        decode(Compression::Zstd, &zstd(b""), &[1], 10),
        (Vec::new(), Ok(()))
    );
    let (text, result) = decode(Compression::Gzip, b"plain text", &[4], 10);
    assert!(text.is_empty(), "{text:?}");
    assert!(
        matches!(result, Err(DecodeProblem::Corrupt { at: 0, .. })),
        "{result:?}"
    );
}

#[test]
fn skippable_frames_are_skipped() {
    let skippable = [&[0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"any"].concat();
    let input = [skippable.clone(), zstd(b"1\n"), skippable, zstd(b"2\n")].concat();
    for piece in [1, 5, 100] {
        assert_eq!(
            decode(Compression::Zstd, &input, &[piece], 10),
            (b"1\n2\n".to_vec(), Ok(()))
        );
    }
}

#[test]
fn a_bomb_is_stopped_soon_after_the_floor_and_what_merely_compresses_well_is_not() {
    let bomb = zstd(&vec![b'0'; 64 << 20]);
    let (text, result) = decode(Compression::Zstd, &bomb, &[4096], 1 << 16);
    assert!(
        matches!(
            result,
            Err(DecodeProblem::Expands {
                expansion_max: 1_000,
                ..
            })
        ),
        "{result:?}"
    );
    let floor = usize::try_from(EXPANSION_FLOOR_BYTES).unwrap();
    assert!(text.len() <= floor + (1 << 17), "{} bytes came out", text.len());
    let below_the_floor = zstd(&vec![b'0'; floor]);
    let (_, result) = decode(Compression::Zstd, &below_the_floor, &[4096], 1 << 16);
    assert_eq!(result, Ok(()));
    let repetitive = b"1234567,some text that comes again and again,\n".repeat(500_000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut varied = repetitive.clone();
        for (index, byte) in varied.iter_mut().step_by(4_096).enumerate() {
            *byte = b'0' + u8::try_from(index % 10).unwrap();
        }
        let (text, result) = decode(compression, &encode(compression, &varied), &[1 << 18], 1 << 17);
        assert_eq!((text.len(), result), (varied.len(), Ok(())), "{compression:?}");
    }
}

#[test]
fn a_frame_that_wants_more_memory_than_there_is_for_it_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(ZSTD_WINDOW_LOG_MAX + 1).unwrap();
    encoder.write_all(b"1,a\n").unwrap();
    let input = encoder.finish().unwrap();
    let (text, result) = decode(Compression::Zstd, &input, &[100], 100);
    assert!(text.is_empty(), "{text:?}");
    let told = result.unwrap_err().to_string();
    assert!(told.contains("memory"), "{told}");
}
