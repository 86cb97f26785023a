//! Whether the columns of a row say what its record says, where the leaf hash does not show it.
//!
//! A record that is assembled from columns vouches for them: change one, and the hash differs. Not so where assembly
//! does not use a column: in a row with exact bytes, where a path column is hidden by another one or by the rest, and for
//! numbers of which several are written alike. Queries read all of these. Such rows are shredded again, and every column
//! is compared with what the file has; the others cost a look at bitmaps.
//!
//! Invariant: a row that the shredder made agrees, for shredding depends on nothing but the record and the path columns.

use crate::Row;
use crate::assemble::Assembler;
use crate::error::{Error, Result};
use crate::schema::{Document, PathColumn, RestKeys, column, schema};
use crate::segment::{Rows, Segment};
use crate::shred::{Shredded, Shredder};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Float64Type};
use onrecord_evidence::LeafIndex;
use onrecord_record::Parser;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The columns of a segment, found to be those of the flat schema.
pub(crate) struct Layout {
    columns: Vec<PathColumn>,
    /// Pairs of places in the schema: a path column, and one for a path inside it.
    nested: Vec<(usize, usize)>,
    /// Places of `record` and the rest columns.
    not_assembled: Vec<usize>,
    record: usize,
}

impl Layout {
    /// Reads the segment's schema.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a shredder would have made other columns.
    pub(crate) fn of(segment: &Segment) -> Result<Self> {
        let fields = segment.schema().fields();
        let columns = segment.paths();
        let expected = schema(&columns, &RestKeys::default());
        let named = |field: &arrow::datatypes::Field| (field.name().clone(), field.data_type().clone());
        let names: BTreeSet<&String> = fields.iter().map(|field| field.name()).collect();
        if names.len() != fields.len()
            || !fields.iter().map(|f| named(f)).eq(expected.fields().iter().map(|f| named(f)))
        {
            return Err(Error::damaged(segment.path(), "its columns are not those of a segment"));
        }
        let place = |name: &str| fields.find(name).map(|(place, _)| place);
        let mut nested = Vec::new();
        for outer in &columns {
            let inside = |inner: &&PathColumn| {
                inner.document == outer.document
                    && inner.path.len() > outer.path.len()
                    && inner.path.starts_with(&outer.path)
            };
            nested.extend(
                columns.iter().filter(inside).filter_map(|inner| place(&outer.name()).zip(place(&inner.name()))),
            );
        }
        let record = place(column::RECORD).ok_or_else(|| Error::damaged(segment.path(), "it has no column record"))?;
        let rests = Document::ALL.into_iter().filter_map(|document| place(document.rest_name()));
        Ok(Self { not_assembled: [record].into_iter().chain(rests).collect(), columns, nested, record })
    }

    /// The rows of the batch for which the leaf hash does not vouch.
    fn doubtful(&self, batch: &RecordBatch) -> BooleanBuffer {
        let rows = batch.num_rows();
        if batch.columns().iter().any(has_ambiguous_numbers) {
            return BooleanBuffer::new_set(rows);
        }
        let mut doubtful = BooleanBuffer::new_unset(rows);
        for place in &self.not_assembled {
            if let Some(valid) = valid(batch.column(*place)) {
                doubtful = &doubtful | &valid;
            }
        }
        for (outer, inner) in &self.nested {
            if let (Some(outer), Some(inner)) = (valid(batch.column(*outer)), valid(batch.column(*inner))) {
                doubtful = &doubtful | &(&outer & &inner);
            }
        }
        doubtful
    }
}

/// Which rows have a value; `None` if no row has.
fn valid(array: &ArrayRef) -> Option<BooleanBuffer> {
    if array.null_count() == array.len() {
        return None;
    }
    Some(array.nulls().map_or_else(|| BooleanBuffer::new_set(array.len()), |nulls| nulls.inner().clone()))
}

/// Whether the column holds a number that is written like another one: the negative zero.
fn has_ambiguous_numbers(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Float64 => {
            let negative_zero = (-0.0f64).to_bits();
            array.as_primitive::<Float64Type>().values().iter().any(|value| value.to_bits() == negative_zero)
        }
        DataType::List(_) => has_ambiguous_numbers(array.as_list::<i32>().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().any(has_ambiguous_numbers),
        _ => false,
    }
}

/// Compares rows of a segment, which are added in order.
pub(crate) struct Agreement<'s> {
    segment: &'s Segment,
    layout: &'s Layout,
    doubtful: BooleanBuffer,
    shredder: Shredder<'s>,
    /// The rows in the shredder, by their place in the batch.
    places: Vec<u32>,
    parser: Parser,
}

impl<'s> Agreement<'s> {
    /// For rows of this segment, whose layout it is.
    pub(crate) fn new(segment: &'s Segment, layout: &'s Layout) -> Self {
        Self {
            segment,
            layout,
            doubtful: BooleanBuffer::new_unset(0),
            shredder: Shredder::new(&layout.columns),
            places: Vec::new(),
            parser: Parser::new(),
        }
    }

    /// Takes the next row with its record. Rows of a batch are compared at the latest with its last one.
    ///
    /// # Errors
    /// [`Error::Damaged`], naming the leaf.
    pub(crate) fn add(&mut self, rows: &Rows, row: usize, record: &[u8]) -> Result<()> {
        if row == 0 {
            self.doubtful = self.layout.doubtful(rows.batch());
        }
        let leaf = rows.leaf(row);
        let id = rows.id(row);
        if !self.segment.has_within_bounds(&id) {
            return Err(self.differs(leaf, column::EVENT_ID, "is outside the bounds of its footer"));
        }
        if self.doubtful.value(row) {
            if !self.is_id_of(id, record) {
                return Err(self.differs(leaf, column::EVENT_ID, "is not what its record says"));
            }
            let row_again = Row { leaf, id, record, sidecar: rows.sidecar(row) };
            self.shredder.push(&row_again, false).map_err(|error| Error::damaged(self.segment.path(), error))?;
            self.places.push(row as u32);
        }
        if self.shredder.is_full() || (row + 1 == rows.len() && !self.places.is_empty()) {
            self.compare(rows)?;
        }
        Ok(())
    }

    /// Whether the id is the one in the record, if there is one.
    fn is_id_of(&mut self, id: [u8; 16], record: &[u8]) -> bool {
        let Ok(document) = self.parser.parse(record) else { return true };
        let text = document.value().get(column::EVENT_ID).and_then(|value| value.as_str());
        text.is_none_or(|text| Uuid::try_parse(text).is_ok_and(|own| own.as_bytes() == &id))
    }

    /// Compares the rows in the shredder with those of the batch.
    fn compare(&mut self, rows: &Rows) -> Result<()> {
        let unreadable = |error| Error::damaged(self.segment.path(), error);
        let places = UInt32Array::from(std::mem::take(&mut self.places));
        let found = take_record_batch(rows.batch(), &places).map_err(unreadable)?;
        let Shredded { batch: again, rest_keys } = self.shredder.take().map_err(unreadable)?;
        let leaf = |row: usize| rows.leaf(places.value(row) as usize);
        for (place, (found, again)) in found.columns().iter().zip(again.columns()).enumerate() {
            if place != self.layout.record && found.as_ref() != again.as_ref() {
                let row = (0..found.len()).find(|row| found.slice(*row, 1).as_ref() != again.slice(*row, 1).as_ref());
                let name = self.segment.schema().field(place).name();
                return Err(self.differs(leaf(row.unwrap_or(0)), name, "is not what its record says"));
            }
        }
        self.compare_rest_keys(&rest_keys, leaf(0))?;
        self.compare_exact(&found, &again, &leaf)
    }

    /// Keys in the rest that the footer does not name would be missed by queries.
    fn compare_rest_keys(&self, keys: &RestKeys, first: LeafIndex) -> Result<()> {
        for document in Document::ALL {
            let Ok(field) = self.segment.schema().field_with_name(document.rest_name()) else { continue };
            if !keys.are_named_by(document, field) {
                let problem = "holds a key, there or soon after, that the footer does not name";
                return Err(self.differs(first, document.rest_name(), problem));
            }
        }
        Ok(())
    }

    /// Exact bytes are kept where the columns do not give them, and only there.
    fn compare_exact(&self, found: &RecordBatch, again: &RecordBatch, leaf: &dyn Fn(usize) -> LeafIndex) -> Result<()> {
        let (kept, needed) = (found.column(self.layout.record), again.column(self.layout.record));
        let unknown = |error| Error::damaged(self.segment.path(), error);
        let mut assembler = Assembler::new(again).map_err(unknown)?;
        let mut assembled = Vec::new();
        for row in 0..found.num_rows() {
            match (kept.is_valid(row), needed.is_valid(row)) {
                (false, true) => return Err(self.differs(leaf(row), column::RECORD, "is missing")),
                (true, false) => {
                    assembled.clear();
                    assembler.write(row, &mut assembled).map_err(unknown)?;
                    if kept.as_binary::<i32>().value(row) == assembled {
                        return Err(self.differs(leaf(row), column::RECORD, "holds what the other columns give"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn differs(&self, leaf: LeafIndex, name: &str, problem: &str) -> Error {
        Error::damaged(self.segment.path(), format!("at leaf {leaf}: its column {name} {problem}"))
    }
}
