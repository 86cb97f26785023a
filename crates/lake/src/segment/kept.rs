//! Which rows and sidecars of a segment stay.

use super::Segment;
use crate::error::{Error, Result};
use crate::schema::column;
use arrow::array::{Array, BooleanArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use onrecord_evidence::LeafSet;

/// What stays of a segment.
pub(crate) struct Kept {
    groups: Vec<KeptGroup>,
    /// Rows that go.
    gone: u64,
    /// Sidecars that go from rows that stay.
    bared: u64,
}

/// What stays of a row group.
pub(super) struct KeptGroup {
    /// Of each row, whether it stays; `None` if all do.
    pub(super) stay: Option<BooleanArray>,
    /// Of each row, whether it stays and its sidecar goes; `None` if none does.
    pub(super) bare: Option<BooleanArray>,
    rows: u64,
}

impl Kept {
    /// What stays without the rows of some leaves and the sidecars of others.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Archive`].
    pub(crate) fn without(segment: &Segment, rows: &LeafSet, sidecars: &LeafSet) -> Result<Self> {
        segment.must_be_sound()?;
        let mut kept = Self { groups: Vec::new(), gone: 0, bared: 0 };
        for group in 0..segment.parquet().num_row_groups() {
            let count = segment.leaf_groups[group].row_count();
            let gone = places(segment, group, rows)?;
            let mut bare = places(segment, group, sidecars)?;
            if let (Some(bare), Some(gone)) = (&mut bare, &gone) {
                *bare = &*bare & &!gone;
            }
            if let Some(places) = &mut bare {
                *places = &*places & &with_sidecar(segment, group, count)?;
            }
            let bare = bare.filter(|bare| bare.count_set_bits() > 0);
            let (gone_here, bared) = (count_of(gone.as_ref()), count_of(bare.as_ref()));
            kept.gone += gone_here;
            kept.bared += bared;
            kept.groups.push(KeptGroup {
                stay: gone.map(|gone| BooleanArray::new(!&gone, None)),
                bare: bare.map(|bare| BooleanArray::new(bare, None)),
                rows: count as u64 - gone_here,
            });
        }
        Ok(kept)
    }

    /// Rows that stay.
    pub(crate) fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows).sum()
    }

    /// Rows that go.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// Sidecars that go from rows that stay.
    pub(crate) fn bared(&self) -> u64 {
        self.bared
    }

    /// Whether nothing goes.
    pub(crate) fn is_all(&self) -> bool {
        self.gone == 0 && self.bared == 0
    }

    /// Whether no row goes.
    pub(super) fn has_all_rows(&self) -> bool {
        self.gone == 0
    }

    pub(super) fn group(&self, group: usize) -> &KeptGroup {
        &self.groups[group]
    }
}

impl KeptGroup {
    /// Rows that stay.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether something goes.
    pub(super) fn is_filtered(&self) -> bool {
        self.stay.is_some() || self.bare.is_some()
    }
}

/// The rows of a row group that have one of the leaves; `None` if none has.
fn places(segment: &Segment, group: usize, leaves: &LeafSet) -> Result<Option<BooleanBuffer>> {
    let of_group = &segment.leaf_groups[group];
    let mut found: Option<BooleanBufferBuilder> = None;
    for leaf in leaves.within(of_group.leaves()) {
        if let Some(row) = segment.row_of(leaf)? {
            let found = found.get_or_insert_with(|| {
                let mut none = BooleanBufferBuilder::new(of_group.row_count());
                none.append_n(of_group.row_count(), false);
                none
            });
            found.set_bit((row.0 - of_group.rows().start.0) as usize, true);
        }
    }
    Ok(found.map(|mut found| found.finish()))
}

/// The rows of a row group that have a sidecar.
fn with_sidecar(segment: &Segment, group: usize, rows: usize) -> Result<BooleanBuffer> {
    let mut have = BooleanBufferBuilder::new(rows);
    for batch in segment.columns(vec![group], &[column::SIDECAR])? {
        let batch = batch?;
        let sidecars = batch.column_by_name(column::SIDECAR);
        let sidecars = sidecars.ok_or_else(|| Error::damaged(segment.path(), "it has no column of sidecars"))?;
        match sidecars.nulls() {
            Some(nulls) => have.append_buffer(nulls.inner()),
            None => have.append_n(sidecars.len(), true),
        }
    }
    Ok(have.finish())
}

fn count_of(places: Option<&BooleanBuffer>) -> u64 {
    places.map_or(0, |places| places.count_set_bits() as u64)
}
