//! Which spans of one kind are kept, where there may be any number of them. Pure: no I/O, no clock.
//!
//! A file of 5 GiB is sent in ten thousand requests, and nobody reads ten thousand spans. The first ones are kept; after
//! them one in two, then one in four, and so on. So ten thousand become a hundred, and twice as many only eight more.

/// Spans that are kept from the start.
const FIRST: u64 = 10;
/// The same for spans that tell of trouble.
const FIRST_NOTABLE: u64 = 50;
/// How many are kept before the gaps between them double.
const KEPT_PER_GAP: u64 = 8;

/// Chooses among the spans of one kind.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    plain: Gaps,
    notable: Gaps,
}

#[derive(Debug, Default)]
struct Gaps {
    seen: u64,
    kept: u64,
    /// How many are left out before the next one.
    left: u64,
}

impl Thinning {
    /// Whether one more span is kept; a notable one is one that tells of trouble.
    pub(super) fn keeps(&mut self, is_notable: bool) -> bool {
        if is_notable {
            self.notable.keeps(FIRST_NOTABLE)
        } else {
            self.plain.keeps(FIRST)
        }
    }

    /// How many spans were not kept.
    pub(super) fn left_out(&self) -> u64 {
        let seen = self.plain.seen + self.notable.seen;
        seen - self.plain.kept - self.notable.kept
    }
}

impl Gaps {
    fn keeps(&mut self, first: u64) -> bool {
        self.seen += 1;
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.kept += 1;
        if self.kept >= first {
            let doublings = 1 + (self.kept - first) / KEPT_PER_GAP;
            self.left = 1_u64
                .checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX))
                .unwrap_or(u64::MAX)
                - 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(count: usize, is_notable: bool) -> Vec<usize> {
        let mut thinning = Thinning::default();
        let kept: Vec<_> = (0..count).filter(|_| thinning.keeps(is_notable)).collect();
        let left_out = u64::try_from(count - kept.len()).unwrap();
        assert_eq!(thinning.left_out(), left_out);
        kept
    }

    #[test]
    fn the_first_are_kept_and_then_ever_fewer() {
        assert_eq!(kept(10, false), (0..10).collect::<Vec<_>>());
        assert_eq!(kept(16, false)[10..], [11, 13, 15]);
        let many = kept(10_000, false).len();
        assert!((80..=100).contains(&many), "{many} of 10000");
        let more = kept(20_000, false).len();
        assert!(more <= many + 8, "{more} of 20000, {many} of 10000");
    }

    #[test]
    fn trouble_is_kept_for_longer_and_beside_the_rest() {
        assert_eq!(kept(50, true).len(), 50);
        let mut thinning = Thinning::default();
        for _ in 0..10_000 {
            thinning.keeps(false);
        }
        assert!(
            thinning.keeps(true),
            "an ordinary span takes no place of a notable one"
        );
        let endless = kept(100_000, true).len();
        assert!(endless < 160, "{endless} of 100000");
    }
}
