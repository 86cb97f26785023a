//! What is promised of one column of a row group, and what was found.

use super::page::{self, Page};
use super::values::{Bounds, Leaf, Part, Value, all_pass};
use crate::segment::Segment;
use parquet::basic::BoundaryOrder;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::Statistics;

/// What a reader takes for true of one column of a row group; and the running count of what is there.
pub(super) struct Column {
    /// As Parquet names it.
    pub(super) name: String,
    /// Its place among the columns of Parquet.
    pub(super) place: usize,
    statistics: Option<Statistics>,
    index: Option<ColumnIndexMetaData>,
    filter: Option<Sbbf>,
    /// The last row of each page, and the values that its header counts; one page of all rows if there is no index.
    pages: Vec<(usize, Option<u64>)>,
    values: u64,
    row: usize,
    page: usize,
    in_page: Found,
    in_group: Found,
}

#[derive(Default)]
struct Found {
    bounds: Bounds,
    nulls: u64,
    levels: u64,
}

impl Found {
    fn add(&mut self, bounds: Bounds, nulls: u64, levels: u64) {
        self.bounds.widen(bounds);
        self.nulls += nulls;
        self.levels += levels;
    }
}

impl Column {
    /// Reads what the footer, the indexes and the filter promise.
    pub(super) fn promised(
        segment: &Segment,
        indexed: &ParquetMetaData,
        group: usize,
        place: usize,
    ) -> Result<Self, String> {
        let metadata = indexed.row_group(group);
        let chunk = metadata.column(place);
        let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
        let of_column =
            |index: &ColumnIndexMetaData| (!matches!(index, ColumnIndexMetaData::NONE)).then(|| index.clone());
        let index = indexed.column_index().and_then(|groups| of_column(groups.get(group)?.get(place)?));
        let located = indexed.offset_index().and_then(|groups| groups.get(group)?.get(place));
        let pages = match located.map(|located| located.page_locations()) {
            None if index.is_some() => return Err("the pages have bounds but no places".to_owned()),
            None => vec![(rows, None)],
            Some(located) => located_pages(located, &page::pages(segment, chunk, rows)?, rows)?,
        };
        if index.as_ref().is_some_and(|index| index.num_pages() != pages.len() as u64) {
            return Err("the column index has another number of pages".to_owned());
        }
        let filter = segment.file().map_err(|error| error.to_string()).and_then(|file| {
            Sbbf::read_from_column_chunk(chunk, &file)
                .map_err(|error| format!("the bloom filter cannot be read: {error}"))
        })?;
        let column = Self {
            name: chunk.column_path().string(),
            place,
            statistics: chunk.statistics().cloned(),
            index,
            filter,
            pages,
            values: u64::try_from(chunk.num_values()).unwrap_or(0),
            row: 0,
            page: 0,
            in_page: Found::default(),
            in_group: Found::default(),
        };
        column.check_order()?;
        Ok(column)
    }

    /// Takes the next rows.
    pub(super) fn add(&mut self, leaf: &Leaf, rows: usize) -> Result<(), String> {
        let mut at = 0;
        while at < rows {
            let Some((end, _)) = self.pages.get(self.page) else {
                return Err("there are more rows than pages".to_owned());
            };
            let some = (rows - at).min(end - self.row);
            self.add_part(&leaf.rows(at..at + some))?;
            at += some;
            self.row += some;
            if self.row == *end_of(&self.pages, self.page) {
                self.end_page()?;
            }
        }
        Ok(())
    }

    fn add_part(&mut self, part: &Part) -> Result<(), String> {
        let is_bounded = self.statistics.is_some() || self.index.is_some();
        let bounds = if is_bounded { Bounds::of(&part.values)? } else { Bounds::default() };
        self.in_page.add(bounds, part.nulls, part.levels);
        match &self.filter {
            Some(filter) if !all_pass(filter, &part.values)? => {
                Err("the bloom filter denies a value that is there".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn end_page(&mut self) -> Result<(), String> {
        let found = std::mem::take(&mut self.in_page);
        if self.pages[self.page].1.is_some_and(|levels| levels != found.levels) {
            return Err(format!("page {} does not begin with the row that the offset index says", self.page));
        }
        if let Some(index) = &self.index {
            check_page(index, self.page, &found)
                .map_err(|problem| format!("the column index {problem} of page {}", self.page))?;
        }
        self.page += 1;
        self.in_group.add(found.bounds, found.nulls, found.levels);
        Ok(())
    }

    /// After the last rows.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        if self.page != self.pages.len() {
            return Err("there are fewer rows than the pages should have".to_owned());
        }
        if self.in_group.levels != self.values {
            return Err("the footer counts other values than there are".to_owned());
        }
        let Some(statistics) = &self.statistics else { return Ok(()) };
        check_statistics(statistics, &self.in_group).map_err(|problem| format!("the statistics {problem}"))
    }

    /// A reader may search pages that call themselves ordered.
    fn check_order(&self) -> Result<(), String> {
        let Some(index) = &self.index else { return Ok(()) };
        let order = index.get_boundary_order().unwrap_or(BoundaryOrder::UNORDERED);
        let bounds: Vec<_> = (0..self.pages.len()).filter_map(|page| page_bounds(index, page)).collect();
        let follow = |one: &(Value, Value), next: &(Value, Value)| match order {
            BoundaryOrder::ASCENDING => one.0.is_at_most(&next.0) && one.1.is_at_most(&next.1),
            BoundaryOrder::DESCENDING => next.0.is_at_most(&one.0) && next.1.is_at_most(&one.1),
            _ => true,
        };
        if bounds.windows(2).all(|pair| follow(&pair[0], &pair[1])) {
            Ok(())
        } else {
            Err("the column index claims an order that its pages do not have".to_owned())
        }
    }
}

fn end_of(pages: &[(usize, Option<u64>)], page: usize) -> &usize {
    pages.get(page).map_or(&0, |(end, _)| end)
}

/// The row after each page's last, with the values of the page: what the offset index says, at the pages that are there.
fn located_pages(located: &[PageLocation], pages: &[Page], rows: usize) -> Result<Vec<(usize, Option<u64>)>, String> {
    let is_at = |(location, page): (&PageLocation, &Page)| {
        u64::try_from(location.offset) == Ok(page.offset)
            && u64::try_from(location.compressed_page_size) == Ok(page.bytes)
    };
    if located.len() != pages.len() || !located.iter().zip(pages).all(is_at) {
        return Err("the offset index does not lead to the pages".to_owned());
    }
    let firsts: Vec<usize> =
        located.iter().map(|location| usize::try_from(location.first_row_index).unwrap_or(usize::MAX)).collect();
    let ends = firsts.iter().skip(1).copied().chain([rows]);
    if firsts.first() != Some(&0) || !firsts.iter().zip(ends.clone()).all(|(first, end)| *first < end) {
        return Err("the offset index has rows that do not follow each other".to_owned());
    }
    Ok(ends.zip(pages).map(|(end, page)| (end, Some(page.levels))).collect())
}

fn check_page(index: &ColumnIndexMetaData, page: usize, found: &Found) -> Result<(), &'static str> {
    if index.is_null_page(page) != found.bounds.0.is_none() {
        return Err("is wrong about whether there are values");
    }
    if index.null_count(page).is_some_and(|nulls| u64::try_from(nulls) != Ok(found.nulls)) {
        return Err("has a wrong count of missing values");
    }
    match (&found.bounds.0, page_bounds(index, page)) {
        (None, _) => Ok(()),
        (Some((min, max)), Some((least, greatest))) if least.is_at_most(min) && max.is_at_most(&greatest) => Ok(()),
        (Some(_), _) => Err("has bounds that exclude a value"),
    }
}

/// The bounds of a page, if it has values.
fn page_bounds(index: &ColumnIndexMetaData, page: usize) -> Option<(Value, Value)> {
    fn both<T>(min: Option<T>, max: Option<T>, value: fn(T) -> Value) -> Option<(Value, Value)> {
        Some((value(min?), value(max?)))
    }
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    match index {
        ColumnIndexMetaData::BOOLEAN(index) => {
            both(index.min_value(page).copied(), index.max_value(page).copied(), Value::Boolean)
        }
        ColumnIndexMetaData::INT64(index) => {
            both(index.min_value(page).copied(), index.max_value(page).copied(), Value::Int)
        }
        ColumnIndexMetaData::DOUBLE(index) => {
            both(index.min_value(page).copied(), index.max_value(page).copied(), Value::Double)
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) | ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) => {
            Some((bytes(index.min_value(page)?), bytes(index.max_value(page)?)))
        }
        _ => None,
    }
}

fn check_statistics(statistics: &Statistics, found: &Found) -> Result<(), &'static str> {
    if statistics.null_count_opt().is_some_and(|nulls| nulls != found.nulls) {
        return Err("have a wrong count of missing values");
    }
    if statistics.distinct_count_opt().is_some() {
        return Err("have a count of distinct values, which is not written");
    }
    let (least, greatest) = limits(statistics);
    let Some((min, max)) = &found.bounds.0 else {
        return if least.is_none() && greatest.is_none() { Ok(()) } else { Err("have bounds of no values") };
    };
    if least.as_ref().is_some_and(|least| !least.is_at_most(min))
        || greatest.as_ref().is_some_and(|greatest| !max.is_at_most(greatest))
    {
        return Err("have bounds that exclude a value");
    }
    let is_other = |bound: Option<Value>, value: &Value| {
        bound.is_some_and(|bound| !bound.is_at_most(value) || !value.is_at_most(&bound))
    };
    if (statistics.min_is_exact() && is_other(least, min)) || (statistics.max_is_exact() && is_other(greatest, max)) {
        return Err("have a bound that is called exact and is no value");
    }
    Ok(())
}

/// Least and greatest value of a column chunk, as far as they are there.
fn limits(statistics: &Statistics) -> (Option<Value>, Option<Value>) {
    match statistics {
        Statistics::Boolean(values) => {
            (values.min_opt().copied().map(Value::Boolean), values.max_opt().copied().map(Value::Boolean))
        }
        Statistics::Int64(values) => {
            (values.min_opt().copied().map(Value::Int), values.max_opt().copied().map(Value::Int))
        }
        Statistics::Double(values) => {
            (values.min_opt().copied().map(Value::Double), values.max_opt().copied().map(Value::Double))
        }
        other => {
            let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
            (other.min_bytes_opt().map(bytes), other.max_bytes_opt().map(bytes))
        }
    }
}
