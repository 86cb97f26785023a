//! Every limit on what is accepted, in one place.
//!
//! A limit exists so that one record can neither exhaust a machine nor become something that no store holds. Each is
//! far above what a real decision needs. The JSON Schema and the validation read the same constants.

/// Bytes of the stored form of one record, without its large values.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one record as it is sent, where nothing else is set: 16 MiB.
pub const SENT_BYTES_DEFAULT: usize = 16 * 1024 * 1024;

/// The most that can be set for a record as it is sent: 64 MiB.
pub const SENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A text inside a document with more bytes than this is a large value: it is kept apart from its record, which has its
/// hash in its place.
pub const LARGE_TEXT_BYTES: usize = 64 * 1024;

/// Arrays and objects inside each other, the record itself included.
pub const NESTING_MAX: usize = 64;

/// Values in one record: every scalar, array, object and member name counts as one.
pub const VALUES_MAX: usize = 131_072;

/// Characters of an identifier: model, version, user, decision, request, session, actor, policy.
pub const ID_CHARS_MAX: usize = 255;

/// Characters of a person's statement beside a decision: some four pages.
pub const NOTE_CHARS_MAX: usize = 10_000;

/// Characters of a timestamp as it is sent.
pub const TIMESTAMP_CHARS_MAX: usize = 64;

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
