//! The archive: what is there, what goes there, what comes back.

use serde::{Deserialize, Serialize};

/// What is where.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ArchiveStatus {
    /// Where `onrecord.toml` says that segments go; null if it says nothing.
    pub(crate) url: Option<String>,
    /// By tier: what is on the disk, and what is in the archive.
    pub(crate) tiers: Vec<TierStatus>,
    /// Every segment, in the order of the ledger.
    pub(crate) segments: Vec<SegmentStatus>,
    /// Segments whose objects are to go from an archive and are there yet.
    pub(crate) waiting_for_removal: u64,
}

/// One tier.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct TierStatus {
    /// `local` or `archive`.
    pub(crate) tier: String,
    /// Segments.
    pub(crate) segments: u64,
    /// Entries in them.
    pub(crate) entries: u64,
    /// Bytes of them, without their indexes.
    pub(crate) bytes: u64,
}

/// One segment.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SegmentStatus {
    /// Its name.
    pub(crate) segment: String,
    /// `local` or `archive`.
    pub(crate) tier: String,
    /// Its first leaf.
    pub(crate) first_leaf: u64,
    /// The leaf after its last.
    pub(crate) end_leaf: u64,
    /// Entries in it.
    pub(crate) entries: u64,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Where it is, if it is in an archive.
    pub(crate) url: Option<String>,
    /// When it went there (RFC 3339).
    pub(crate) archived_at: Option<String>,
    /// Until when the server refuses to delete it (RFC 3339).
    pub(crate) locked_until: Option<String>,
}

/// Segments to put into the archive.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushRequest {
    /// All that is sealed, and not only what is due by retention.
    #[serde(default)]
    pub(crate) all: bool,
    /// Where to, in place of what `onrecord.toml` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
}

/// Segments to put on the disk again.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    /// Their names; all that are in the archive if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) segments: Vec<String>,
}

/// What went into the archive, or came back.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Moved {
    /// Segments.
    pub(crate) segments: u64,
    /// Entries in them.
    pub(crate) entries: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Segments that stay where they are because something in them is held.
    pub(crate) held: u64,
    /// Segments that failed, and why: they stay where they are.
    pub(crate) failed: Vec<Failed>,
    /// Why nothing, or not all, could be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<String>,
}

/// A segment that stays where it is.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Failed {
    /// Its name.
    pub(crate) segment: String,
    /// Why.
    pub(crate) problem: String,
}
