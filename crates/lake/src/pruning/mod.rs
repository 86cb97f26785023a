//! Whether everything by which a query may skip rows says what the rows say.
//!
//! A reader skips a row group by the statistics of its columns, a page by the column index, both by bloom filters, and
//! finds pages by the offset index. Whoever forges one of these, with right checksums around it, hides rows without
//! changing a record. So `verify` makes each of them again from the values as they decode without any of them, and
//! compares.
//!
//! What holds: a bound may be wider than the values (texts are cut), never narrower; a bound that calls itself exact is
//! the least or greatest value; counts are exact; each value passes its bloom filter; each page is where the offset index
//! says, and begins with the row that it says. `values` has the bounds of values, `column` what is promised of one column
//! and what was found, `page` where the pages really are.

mod column;
mod page;
mod values;

use crate::error::Error;
use crate::segment::Segment;
use arrow::array::RecordBatch;
use column::Column;
use parquet::file::metadata::ParquetMetaData;
use values::Leaf;

/// What prunes one row group of a segment, compared with its rows, which are added in order.
pub(crate) struct Pruning<'s> {
    segment: &'s Segment,
    group: usize,
    columns: Vec<Column>,
    rows_left: usize,
    faults: Vec<Error>,
}

impl<'s> Pruning<'s> {
    /// For the rows of that row group. `indexed` is the segment's footer with column and offset indexes.
    pub(crate) fn new(segment: &'s Segment, indexed: &ParquetMetaData, group: usize) -> Self {
        let metadata = indexed.row_group(group);
        let rows_left = usize::try_from(metadata.num_rows()).unwrap_or(0);
        let mut pruning = Self { segment, group, columns: Vec::new(), rows_left, faults: Vec::new() };
        if metadata.sorting_columns().is_some_and(|columns| !columns.is_empty()) {
            pruning.differs("it claims an order of its rows");
        }
        for place in 0..metadata.num_columns() {
            match Column::promised(segment, indexed, group, place) {
                Ok(column) => pruning.columns.push(column),
                Err(problem) => {
                    let name = metadata.column(place).column_path().string();
                    pruning.differs(format!("of its column {name}, {problem}"));
                }
            }
        }
        pruning
    }

    /// Takes the next rows, with all columns of the segment.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        let mut leaves = Vec::new();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            if let Err(problem) = Leaf::all_of(array, &mut leaves) {
                self.differs(format!("of its column {}, {problem}", field.name()));
                self.columns.clear();
            }
        }
        self.rows_left = self.rows_left.saturating_sub(batch.num_rows());
        let mut faults = Vec::new();
        self.columns.retain_mut(|column| {
            let added = leaves.get(column.place).ok_or_else(|| "it is missing".to_owned());
            let added = added.and_then(|leaf| column.add(leaf, batch.num_rows()));
            faults.extend(added.as_ref().err().map(|problem| format!("of its column {}, {problem}", column.name)));
            added.is_ok()
        });
        faults.into_iter().for_each(|fault| self.differs(fault));
    }

    /// After the last rows: what is wrong, at most one fault a column.
    pub(crate) fn finish(mut self) -> Vec<Error> {
        if self.rows_left > 0 {
            self.differs("there are fewer rows than its footer says");
        }
        for mut column in std::mem::take(&mut self.columns) {
            if let Err(problem) = column.finish() {
                self.differs(format!("of its column {}, {problem}", column.name));
            }
        }
        self.faults
    }

    fn differs(&mut self, problem: impl std::fmt::Display) {
        let problem = format!("in row group {}: {problem}", self.group);
        self.faults.push(Error::damaged(self.segment.path(), problem));
    }
}
