//! Decodes gzip and zstd piece by piece: compressed bytes in, text out. Pure: no I/O, no clock.
//!
//! What comes out depends on the bytes alone and never on the pieces in which they came. Every part (member, frame)
//! is checked against its own checksum by the codec, text that was handed out before the end of a damaged part is
//! not taken back. Memory is a window: 32 KiB for gzip, for zstd what the frame asks for, at most
//! [`ZSTD_WINDOW_LOG_MAX`].

use crate::saturate;

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::format::{Compression, GZIP_MAGIC};

/// A frame may ask for a window of 128 MiB: what `zstd` itself writes and reads without further ado.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// The largest window that gzip can have.
const GZIP_WINDOW_BITS: u8 = 15;
/// From so much text on it is asked whether the object expands too much.
const EXPANSION_FLOOR_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes in which a part of zstd says what it is.
const ZSTD_MAGIC_BYTES: u64 = 4;

/// What one call took in and gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeProgress {
    /// Bytes taken from the input.
    pub taken: usize,
    /// Bytes written to the output.
    pub given: usize,
}

/// Decodes one object.
pub struct Decoder {
    codec: Codec,
    place: PartPosition,
    expansion_max: u32,
    taken: u64,
    given: u64,
    /// Where the current part starts.
    part_start: u64,
    parts_count: u64,
    /// What is reported once the text before it was given.
    problem: Option<DecodeProblem>,
}

enum Codec {
    Gzip(Decompress),
    Zstd(ZstdDecoder<'static>),
}

/// Where in the structure of the object the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartPosition {
    /// Before the first part, or between two.
    Between,
    /// In a part.
    Inside,
    /// In zeros after the last member, as tapes and block devices leave them.
    Padding,
}

/// Why an object cannot be decoded. Bytes are those of the compressed object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeProblem {
    /// The codec refuses the bytes.
    #[error("invalid {name} data at byte {at}, {text_bytes} bytes into the text: {detail}")]
    Corrupt {
        /// The compression.
        name: &'static str,
        /// How far it was decoded.
        at: u64,
        /// Text decoded until there.
        text_bytes: u64,
        /// What the codec says.
        detail: String,
    },
    /// It ends in the middle.
    #[error(
        "the {name} data ends at byte {at} in the middle of a {part} that starts at byte {part_start}, {text_bytes} \
         bytes into the text: the object was cut off"
    )]
    Truncated {
        /// The compression.
        name: &'static str,
        /// What its parts are called.
        part: &'static str,
        /// Where it ends.
        at: u64,
        /// Where the unfinished part starts.
        part_start: u64,
        /// Text decoded until there.
        text_bytes: u64,
    },
    /// Something else follows the last part.
    #[error(
        "{parts_count} whole {part}s of {name} end at byte {at}, and what follows is not one; all of their text, \
        {text_bytes} bytes, was read"
    )]
    Garbage {
        /// The compression.
        name: &'static str,
        /// What its parts are called.
        part: &'static str,
        /// How many came before.
        parts_count: u64,
        /// Where it starts.
        at: u64,
        /// Text decoded until there.
        text_bytes: u64,
    },
    /// It becomes too much text.
    #[error(
        "{at} bytes of {name} expand to {text_bytes} bytes of text, more than {expansion_max} times as many \
         (source.csv.expansion_max)"
    )]
    Expands {
        /// The compression.
        name: &'static str,
        /// Bytes taken.
        at: u64,
        /// Text decoded.
        text_bytes: u64,
        /// The limit.
        expansion_max: u32,
    },
}

impl Decoder {
    /// A decoder for an object from its beginning.
    ///
    /// # Errors
    /// If the codec cannot be set up, which takes some memory.
    pub fn new(compression: Compression, expansion_max: u32) -> Result<Self, DecodeProblem> {
        let codec = match compression {
            Compression::Gzip => Codec::Gzip(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            Compression::Zstd => Codec::Zstd(zstd_decoder().map_err(|error| DecodeProblem::Corrupt {
                name: compression.name(),
                at: 0,
                text_bytes: 0,
                detail: error.to_string(),
            })?),
        };
        Ok(Self {
            codec,
            place: PartPosition::Between,
            expansion_max,
            taken: 0,
            given: 0,
            part_start: 0,
            parts_count: 0,
            problem: None,
        })
    }

    /// Decodes the front of `input` into the front of `output`, neither of which is empty. If nothing was given,
    /// all of the input was taken.
    ///
    /// # Errors
    /// [`DecodeProblem`], once the text before it was given; nothing more comes after it.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeProgress, DecodeProblem> {
        let (mut taken, mut given) = (0, 0);
        loop {
            if let Some(problem) = self.problem.clone() {
                return if given > 0 {
                    Ok(DecodeProgress { taken, given })
                } else {
                    Err(problem)
                };
            }
            let rest = input.get(taken..).unwrap_or_default();
            let room = output.get_mut(given..).unwrap_or_default();
            if rest.is_empty() || room.is_empty() {
                return Ok(DecodeProgress { taken, given });
            }
            match self.step(rest, room) {
                Ok(step) => {
                    taken += step.taken;
                    given += step.given;
                    self.taken += saturate::to_u64(step.taken);
                    self.given += saturate::to_u64(step.given);
                    self.check_expansion();
                }
                Err(problem) => self.problem = Some(problem),
            }
        }
    }

    fn check_expansion(&mut self) {
        if expands_too_much(self.taken, self.given, self.expansion_max) {
            self.problem = Some(DecodeProblem::Expands {
                name: self.compression().name(),
                at: self.taken,
                text_bytes: self.given,
                expansion_max: self.expansion_max,
            });
        }
    }

    /// Gives out what the codec still holds once all of the input was taken; nothing if that is all.
    ///
    /// # Errors
    /// If the input ended in the middle.
    pub fn finish(&mut self, output: &mut [u8]) -> Result<usize, DecodeProblem> {
        if let Some(problem) = self.problem.clone() {
            return Err(problem);
        }
        if self.place != PartPosition::Inside {
            return Ok(0);
        }
        let step = self.run(&[], output)?;
        self.given += saturate::to_u64(step.given);
        if step.given > 0 || self.place != PartPosition::Inside {
            return Ok(step.given);
        }
        Err(DecodeProblem::Truncated {
            name: self.compression().name(),
            part: self.compression().part(),
            at: self.taken,
            part_start: self.part_start,
            text_bytes: self.given,
        })
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeProgress, DecodeProblem> {
        match self.place {
            PartPosition::Inside => self.run(input, output),
            PartPosition::Between | PartPosition::Padding => self.between(input),
        }
    }

    /// What stands where a part may begin. What comes before the first part is judged by the codec.
    fn between(&mut self, input: &[u8]) -> Result<DecodeProgress, DecodeProblem> {
        let is_gzip = self.compression() == Compression::Gzip;
        let is_first = self.parts_count == 0;
        let zeros = input.iter().take_while(|byte| **byte == 0).count();
        if is_gzip && !is_first && zeros > 0 {
            self.place = PartPosition::Padding;
            return Ok(DecodeProgress {
                taken: zeros,
                given: 0,
            });
        }
        let begins = !is_gzip || is_first || input.first() == GZIP_MAGIC.first();
        if self.place == PartPosition::Padding || !begins {
            return Err(self.garbage(self.taken));
        }
        self.place = PartPosition::Inside;
        self.part_start = self.taken;
        Ok(DecodeProgress { taken: 0, given: 0 })
    }

    /// Lets the codec work on a part.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeProgress, DecodeProblem> {
        let result = match &mut self.codec {
            Codec::Gzip(codec) => run_gzip(codec, input, output),
            Codec::Zstd(codec) => run_zstd(codec, input, output),
        };
        let (progress, is_end) = result.map_err(|detail| self.refused(detail))?;
        if is_end {
            self.place = PartPosition::Between;
            self.parts_count += 1;
            if let Codec::Gzip(codec) = &mut self.codec {
                codec.reset(true);
            }
        }
        Ok(progress)
    }

    /// The codec refuses: at the head of a part that follows others it is not a part at all.
    fn refused(&self, detail: String) -> DecodeProblem {
        let head = match self.compression() {
            Compression::Gzip => saturate::to_u64(GZIP_MAGIC.len()),
            Compression::Zstd => ZSTD_MAGIC_BYTES,
        };
        if self.parts_count > 0 && self.taken - self.part_start < head {
            return self.garbage(self.part_start);
        }
        DecodeProblem::Corrupt {
            name: self.compression().name(),
            at: self.taken,
            text_bytes: self.given,
            detail,
        }
    }

    fn garbage(&self, at: u64) -> DecodeProblem {
        DecodeProblem::Garbage {
            name: self.compression().name(),
            part: self.compression().part(),
            parts_count: self.parts_count,
            at,
            text_bytes: self.given,
        }
    }

    fn compression(&self) -> Compression {
        match self.codec {
            Codec::Gzip(_) => Compression::Gzip,
            Codec::Zstd(_) => Compression::Zstd,
        }
    }
}

/// Whether bytes have become so many more that they were made to be a bomb.
pub fn expands_too_much(before: u64, after: u64, expansion_max: u32) -> bool {
    after > EXPANSION_FLOOR_BYTES && after / u64::from(expansion_max) > before
}

fn zstd_decoder() -> std::io::Result<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
    Ok(decoder)
}

fn run_gzip(
    codec: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Result<(DecodeProgress, bool), String> {
    let (taken, given) = (codec.total_in(), codec.total_out());
    let status = codec
        .decompress(input, output, FlushDecompress::None)
        .map_err(|error| error.to_string())?;
    let progress = DecodeProgress {
        taken: saturate::to_usize(codec.total_in() - taken),
        given: saturate::to_usize(codec.total_out() - given),
    };
    let is_stuck = !input.is_empty() && progress.taken == 0 && progress.given == 0;
    match status {
        Status::StreamEnd => Ok((progress, true)),
        Status::Ok | Status::BufError if is_stuck => Err("no progress".to_owned()),
        Status::Ok | Status::BufError => Ok((progress, false)),
    }
}

fn run_zstd(
    codec: &mut ZstdDecoder<'static>,
    input: &[u8],
    output: &mut [u8],
) -> Result<(DecodeProgress, bool), String> {
    let status = codec
        .run_on_buffers(input, output)
        .map_err(|error| error.to_string())?;
    let progress = DecodeProgress {
        taken: status.bytes_read,
        given: status.bytes_written,
    };
    if !input.is_empty() && progress.taken == 0 && progress.given == 0 && status.remaining > 0 {
        return Err("no progress".to_owned());
    }
    Ok((progress, status.remaining == 0))
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Decoder({}, {} bytes taken, {} given)",
            self.compression().name(),
            self.taken,
            self.given
        )
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
