//! Numbers as the parser found them, and whether they can be stored as they were sent.

use simd_json::StaticNode;

use crate::{canonical, limit};

/// A number as the parser found it: integers stay integers.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    /// Magnitude and whether it is negative; at most 2^53.
    Integer { negative: bool, magnitude: u64 },
    /// Anything else.
    Double(f64),
}

impl Number {
    #[inline]
    pub(crate) fn of(node: StaticNode) -> Option<Self> {
        Some(match node {
            StaticNode::U64(n) if n <= limit::INTEGER_EXACT_MAX => Self::Integer { negative: false, magnitude: n },
            StaticNode::I64(n) if n.unsigned_abs() <= limit::INTEGER_EXACT_MAX => {
                Self::Integer { negative: n < 0, magnitude: n.unsigned_abs() }
            }
            StaticNode::F64(n) => Self::Double(n),
            StaticNode::U64(n) => Self::Double(n as f64),
            StaticNode::I64(n) => Self::Double(n as f64),
            StaticNode::U128(n) => Self::Double(n as f64),
            StaticNode::I128(n) => Self::Double(n as f64),
            StaticNode::Null | StaticNode::Bool(_) => return None,
        })
    }
}

/// Whether a number is stored as the number that was sent. An integer literal must come back digit for digit; it
/// would not if a double cannot hold it.
pub(crate) fn survives(number: StaticNode) -> bool {
    let (negative, magnitude) = match number {
        StaticNode::U64(n) => (false, u128::from(n)),
        StaticNode::I64(n) => (n < 0, u128::from(n.unsigned_abs())),
        StaticNode::U128(n) => (false, n),
        StaticNode::I128(n) => (n < 0, n.unsigned_abs()),
        StaticNode::F64(_) | StaticNode::Null | StaticNode::Bool(_) => return true,
    };
    if magnitude <= u128::from(limit::INTEGER_EXACT_MAX) {
        return true;
    }
    let double = if negative { -(magnitude as f64) } else { magnitude as f64 };
    let mut written = Vec::with_capacity(32);
    canonical::write_number(double, &mut written);
    written == format!("{}{magnitude}", if negative { "-" } else { "" }).into_bytes()
}
