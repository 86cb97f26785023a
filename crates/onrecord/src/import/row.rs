//! A row through a template: one line of JSON, ready for the batch endpoint.

use super::cell::{Cell, Mismatch, write_by_content};
use super::mapping::{Convert, Part, Source, Template};

/// Why a row is bad: which column, and what is wrong with it. It never holds the cell's content.
#[derive(Debug)]
pub(super) struct BadCell {
    pub(super) column: String,
    pub(super) problem: &'static str,
}

impl Template {
    /// Writes the row whose cells `cell` gives as one JSON object.
    pub(super) fn write<'c>(&self, cell: &impl Fn(&Source) -> Cell<'c>, out: &mut Vec<u8>) -> Result<(), BadCell> {
        out.push(b'{');
        let empty = out.len();
        for (name, part) in &self.members {
            let before = out.len();
            if before > empty {
                out.push(b',');
            }
            serde_json::to_writer(&mut *out, name).expect("writing a string to memory cannot fail");
            out.push(b':');
            if !part.write(cell, out)? {
                out.truncate(before);
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl Part {
    /// Writes the value; false when there is none, and the member is to be left out.
    fn write<'c>(&self, cell: &impl Fn(&Source) -> Cell<'c>, out: &mut Vec<u8>) -> Result<bool, BadCell> {
        match self {
            Self::Constant(json) => out.extend_from_slice(json.as_bytes()),
            Self::Object { template, always } => {
                let start = out.len();
                template.write(cell, out)?;
                return Ok(*always || out.len() > start + "{}".len());
            }
            Self::Column(source) => {
                let cell = cell(source);
                if matches!(cell, Cell::Absent) {
                    return Ok(false);
                }
                let bad = |Mismatch(problem)| BadCell { column: source.column.clone(), problem };
                source.convert.write(cell, out).map_err(bad)?;
            }
        }
        Ok(true)
    }
}

impl Convert {
    fn write(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        match self {
            Self::ByContent => write_by_content(cell, out),
            Self::Typed(cell_type) => cell_type.write(cell, out)?,
            Self::Values(values) => {
                let text = match cell {
                    Cell::Text(text) | Cell::Json(text) => text,
                    Cell::Absent => "",
                };
                let value = values.get(text).ok_or(Mismatch("not one of the values that the mapping lists"))?;
                out.extend_from_slice(value.as_bytes());
            }
        }
        Ok(())
    }
}
