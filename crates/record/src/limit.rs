//! Every limit on what is accepted, in one place.
//!
//! A limit exists so that one record can neither exhaust a machine nor become something that no store holds. Each is
//! far above what a real decision needs. The JSON Schema and the validation read the same constants.

/// Bytes of one record as it is sent, and of its stored form.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Arrays and objects inside each other, the record itself included.
pub const NESTING_MAX: usize = 64;

/// Values in one record: every scalar, array, object and member name counts as one.
pub const VALUES_MAX: usize = 131_072;

/// Characters of an identifier: model, version, user, decision, request, session, actor, policy.
pub const ID_CHARS_MAX: usize = 255;

/// Faults named for one record; a last one says how many more there are.
pub const FAULTS_MAX: usize = 1_000;

/// Characters of a member name that a fault repeats.
pub const FAULT_KEY_CHARS_MAX: usize = 64;

/// The longest retention that can be asked for, in days: a hundred years.
pub const RETENTION_DAYS_MAX: i64 = 36_525;

/// Digits of an integer that is kept digit for digit.
pub const INTEGER_DIGITS_MAX: usize = 38;

/// Integers of at most this size are exact in a double, and so are their neighbours: 2^53.
pub const INTEGER_EXACT_MAX: u64 = 1 << 53;
