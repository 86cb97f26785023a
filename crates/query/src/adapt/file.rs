//! The physical columns of one file, or of one batch of the tail.

use super::{Expr, null};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use onrecord_lake::Tier;
use onrecord_lake::schema::{Document, PathColumn, column, meta};
use std::ops::Range;
use std::sync::Arc;

/// The key of the schema's metadata that says where a segment is. No footer has it: that changes, and the file does not.
pub(in super::super) const TIER: &str = "onrecord.tier";

/// A physical schema, with its path columns read out of the names.
#[derive(Debug)]
pub(super) struct FileColumns {
    schema: SchemaRef,
    paths: Vec<(PathColumn, usize)>,
    leaves: Option<Range<i64>>,
}

impl FileColumns {
    pub(super) fn new(schema: SchemaRef) -> Self {
        let paths =
            schema.fields().iter().enumerate().filter_map(|(at, field)| Some((PathColumn::of(field)?, at))).collect();
        let leaf = |key| schema.metadata().get(key).and_then(|text| text.parse::<i64>().ok());
        let leaves = leaf(meta::FIRST_LEAF).zip(leaf(meta::END_LEAF)).map(|(first, end)| first..end);
        Self { schema, paths, leaves }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The leaf indexes that the file may hold, if its metadata says so.
    pub(super) fn leaves(&self) -> Option<Range<i64>> {
        self.leaves.clone()
    }

    /// Where it is, if its metadata says so; the tail is on the local disk.
    pub(super) fn tier(&self) -> &str {
        self.schema.metadata().get(TIER).map_or(Tier::Local.as_str(), String::as_str)
    }

    /// A column as it is.
    pub(super) fn physical(&self, name: &str) -> Option<(Expr, &FieldRef)> {
        let (at, field) = self.schema.fields().find(name)?;
        Some((Arc::new(Column::new(name, at)), field))
    }

    /// A fixed column in the type that the table has for it; null where the file has no such column.
    pub(super) fn stored(&self, name: &str, data_type: &DataType) -> Result<Expr> {
        Ok(match self.physical(name) {
            Some((column, field)) if field.data_type() == data_type => column,
            Some((column, _)) => Arc::new(CastExpr::new(column, data_type.clone(), None)),
            None => null(data_type),
        })
    }

    /// The path columns of a document with their positions.
    pub(super) fn paths(&self, document: Document) -> impl Iterator<Item = (&PathColumn, usize)> {
        self.paths.iter().filter(move |(path, _)| path.document == document).map(|(path, at)| (path, *at))
    }

    /// The column of what did not fit into a document's path columns.
    pub(super) fn rest(&self, document: Document) -> Option<(Expr, FieldRef)> {
        let (at, _) = self.schema.fields().find(document.rest_name())?;
        Some(self.at(at))
    }

    /// The column at that position, as text where it is a dictionary of texts.
    pub(super) fn at(&self, at: usize) -> (Expr, FieldRef) {
        let field = &self.schema.fields()[at];
        let column: Expr = Arc::new(Column::new(field.name(), at));
        match field.data_type() {
            DataType::Dictionary(..) => {
                let text = field.as_ref().clone().with_data_type(DataType::Utf8View);
                (Arc::new(CastExpr::new(column, DataType::Utf8View, None)), Arc::new(text))
            }
            _ => (column, Arc::clone(field)),
        }
    }

    /// Every column of a document.
    pub(super) fn document(&self, document: Document) -> (Vec<Expr>, Vec<FieldRef>) {
        self.paths(document).map(|(_, at)| self.at(at)).chain(self.rest(document)).unzip()
    }

    /// Every column that a record is put together from.
    pub(super) fn all_but_sidecar(&self) -> (Vec<Expr>, Vec<FieldRef>) {
        let fields = self.schema.fields().iter().enumerate();
        fields.filter(|(_, field)| field.name() != column::SIDECAR).map(|(at, _)| self.at(at)).unzip()
    }
}
