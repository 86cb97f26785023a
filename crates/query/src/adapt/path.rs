//! A member of a document, by the columns of one file.

use super::file::FileColumns;
use super::{Expr, null};
use crate::json::Key;
use crate::json::member::Form;
use crate::kernel::KernelExpr;
use crate::kernel::document::{Assemble, Whole};
use crate::kernel::text::{FirstText, Member, ScalarText};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_expr::expressions::CastExpr;
use onrecord_lake::schema::{Document, PathColumn, Scalar, Shape, rest_may_hold};
use std::sync::Arc;

impl FileColumns {
    /// The column that alone answers the path for every row of the file, if there is one, with its type.
    pub(super) fn scalar(&self, document: Document, path: &[Key]) -> Option<(Expr, Scalar)> {
        match self.alone(document, path)? {
            (Shape::Scalar(scalar), at) => Some((self.at(at).0, scalar)),
            _ => None,
        }
    }

    /// The column of lists of objects that alone answers the path for every row of the file, if there is one, with the
    /// members of the objects.
    pub(super) fn records(&self, document: Document, path: &[Key]) -> Option<(Expr, Vec<(String, Scalar)>)> {
        match self.alone(document, path)? {
            (Shape::Rows(keys), at) => Some((self.at(at).0, keys)),
            _ => None,
        }
    }

    /// The column at the path, if no other column and no rest has anything there: its shape, and where it is.
    fn alone(&self, document: Document, path: &[Key]) -> Option<(Shape, usize)> {
        let (names, steps) = split(path);
        let mut columns = self.relevant(document, &names, steps);
        let (column, at) = columns.next()?;
        let alone = columns.next().is_none() && steps.is_empty() && column.path.len() == names.len();
        (alone && !self.rest_may_answer(document, path)).then(|| (column.shape.clone(), at))
    }

    /// The member as text or JSON, from as few columns as can hold it.
    pub(super) fn member(&self, document: Document, path: &[Key], form: Form) -> Result<Expr> {
        if let Some((column, scalar)) = self.scalar(document, path) {
            return Ok(self.shown(column, scalar, form));
        }
        let (names, steps) = split(path);
        let columns: Vec<_> = self.relevant(document, &names, steps).collect();
        let rest = self.rest(document).filter(|_| self.rest_may_answer(document, path)).map(|(rest, _)| rest);
        let in_rest =
            |rest| -> Expr { KernelExpr::new(Member { path: path.to_vec(), form }, vec![rest], self.schema()) };
        match (columns.as_slice(), rest) {
            ([], None) => Ok(null(&DataType::Utf8View)),
            ([], Some(rest)) => Ok(in_rest(rest)),
            ([(column, at)], Some(rest)) if steps.is_empty() && column.path.len() == names.len() => {
                let Shape::Scalar(scalar) = column.shape else { return Ok(self.part(document, &names, steps, form)) };
                let first = self.shown(self.at(*at).0, scalar, form);
                Ok(KernelExpr::new(FirstText, vec![first, in_rest(rest)], self.schema()))
            }
            _ => Ok(self.part(document, &names, steps, form)),
        }
    }

    /// The part of the document under `names`, put together, and what lies at `steps` in it.
    fn part(&self, document: Document, names: &[&str], steps: &[Key], form: Form) -> Expr {
        let under = self.paths(document).filter(|(column, _)| column.path.len() >= names.len());
        let under = under.filter(|(column, _)| is_prefix(names, column)).map(|(_, at)| self.at(at));
        let (args, fields): (Vec<_>, Vec<_>) = under.chain(self.rest(document)).unzip();
        let part = Whole::Part(document, names.iter().map(|name| (*name).to_owned()).collect());
        let part = KernelExpr::new(Assemble::new(part, fields), args, self.schema());
        KernelExpr::new(Member { path: steps.to_vec(), form }, vec![part], self.schema())
    }

    /// The columns that hold a value at the path, a part of it, or a list that the path leads into.
    fn relevant<'a>(
        &'a self,
        document: Document,
        names: &'a [&'a str],
        steps: &'a [Key],
    ) -> impl Iterator<Item = (&'a PathColumn, usize)> {
        self.paths(document).filter(move |(column, _)| {
            // A scalar has no elements; a list, or an object of columns below, has no member of a scalar's.
            let leads_on =
                steps.is_empty() || !matches!(column.shape, Shape::Scalar(_)) && column.path.len() == names.len();
            column.path.len() >= names.len() && is_prefix(names, column) && leads_on
        })
    }

    /// Whether the rest column may hold the value at the path, or a part of it.
    fn rest_may_answer(&self, document: Document, path: &[Key]) -> bool {
        let Some((_, field)) = self.rest(document) else { return false };
        match path.first() {
            Some(Key::Name(name)) => rest_may_hold(&field, name),
            // A list that is a whole document has no keys that the field could name.
            Some(Key::Index(_)) | None => true,
        }
    }

    /// A scalar column as text or JSON.
    fn shown(&self, column: Expr, scalar: Scalar, form: Form) -> Expr {
        if scalar == Scalar::Utf8 && form == Form::Text {
            return match column.data_type(self.schema()) {
                Ok(DataType::Utf8View) => column,
                _ => Arc::new(CastExpr::new(column, DataType::Utf8View, None)),
            };
        }
        KernelExpr::new(ScalarText(form), vec![column], self.schema())
    }
}

/// The names that a path begins with, and what follows from its first element number on.
fn split(path: &[Key]) -> (Vec<&str>, &[Key]) {
    let names: Vec<&str> = path
        .iter()
        .map_while(|key| match key {
            Key::Name(name) => Some(name.as_str()),
            Key::Index(_) => None,
        })
        .collect();
    let steps = &path[names.len()..];
    (names, steps)
}

fn is_prefix(names: &[&str], column: &PathColumn) -> bool {
    names.iter().zip(&column.path).all(|(name, key)| name == key)
}
