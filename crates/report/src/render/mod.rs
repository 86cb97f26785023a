//! What people read: pages of HTML that need nothing else and print on A4, and plain text.

mod explanation;

/// The style of every page: light and dark, on a screen and on paper.
const STYLE: &str = include_str!("../../templates/style.css");
