//! Conversions between integer types that end at the largest value instead of failing. Pure: no I/O, no clock.
//!
//! For counts, sizes and times that fit on every machine this runs on: what would be beyond the type is said as "at
//! least this much", and no count ever wraps around or ends a task.

macro_rules! saturating {
    ($($name:ident: $type:ident),+ $(,)?) => {$(
        #[doc = concat!("As `", stringify!($type), "`, at most its maximum. Meant for values that are not negative.")]
        #[inline]
        pub fn $name(value: impl TryInto<$type>) -> $type {
            value.try_into().unwrap_or($type::MAX)
        }
    )+};
}

saturating! {
    to_u8: u8,
    to_u16: u16,
    to_u32: u32,
    to_u64: u64,
    to_usize: usize,
    to_i32: i32,
    to_i64: i64,
}

/// As a float: exact up to 2^53, and near above it.
pub fn to_f64(value: u64) -> f64 {
    let (high, low) = (to_u32(value >> 32), to_u32(value & u64::from(u32::MAX)));
    f64::from(high).mul_add(4_294_967_296.0, f64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_exact_as_far_as_they_can_be() {
        for exact in [0, 1, u64::from(u32::MAX), 1 << 32, (1 << 53) - 1] {
            assert_eq!(format!("{:.0}", to_f64(exact)), exact.to_string());
        }
        assert!(to_f64(u64::MAX) > 1.8e19, "it is near");
    }

    #[test]
    fn what_fits_stays_and_what_does_not_ends_at_the_maximum() {
        assert_eq!((to_u64(7_usize), to_u64(u128::MAX)), (7, u64::MAX));
        assert_eq!((to_usize(7_u64), to_usize(u128::MAX)), (7, usize::MAX));
        assert_eq!((to_i64(7_u64), to_i64(u64::MAX)), (7, i64::MAX));
        assert_eq!((to_u32(7_u64), to_u32(1_u64 << 32)), (7, u32::MAX));
        assert_eq!((to_i32(7_u64), to_i32(1_u64 << 31)), (7, i32::MAX));
        assert_eq!((to_u16(7_u64), to_u16(1_u64 << 16)), (7, u16::MAX));
        assert_eq!((to_u8(255_u64), to_u8(256_u64)), (255, u8::MAX));
    }
}
