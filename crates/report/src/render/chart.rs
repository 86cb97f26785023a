//! Drawings as SVG: numbers go in, no text of anybody's but escaped labels.

/// A drawing with its heading.
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// The drawing.
    pub svg: String,
}

/// A point with an interval.
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) y: f64,
    pub(crate) high: f64,
    pub(crate) label: String,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
/// Left of the bars, for the scale; right of them, for half a label; below them, for the labels.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 28.0;
const BELOW: f64 = 24.0;
/// Labels below the bars.
const LABELS_MAX: usize = 6;

/// One bar for each value, in order; a label for some of them.
pub(crate) fn bars(title: &'static str, values: &[(String, f64)]) -> Option<Chart> {
    let highest = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if values.is_empty() || !highest.is_finite() || highest <= 0.0 {
        return None;
    }
    let (top, plot) = (scale_end(highest), HEIGHT - BELOW - 10.0);
    let step = (WIDTH - LEFT - RIGHT) / values.len() as f64;
    let every = values.len().div_ceil(LABELS_MAX);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for part in [0.0, 0.5, 1.0] {
        let y = 10.0 + plot * (1.0 - part);
        svg.push_str(&format!(
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            top * part
        ));
    }
    for (at, (label, value)) in values.iter().enumerate() {
        let (x, height) = (LEFT + step * at as f64, plot * value.max(0.0) / top);
        let y = 10.0 + plot - height;
        svg.push_str(&format!(
            "<rect class=\"bar\" x=\"{:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{height:.2}\"><title>{}: {value}</title></rect>",
            x + step * 0.1,
            step * 0.8,
            escaped(label)
        ));
        if at % every == 0 {
            svg.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + step / 2.0,
                HEIGHT - 6.0,
                escaped(label)
            ));
        }
    }
    svg.push_str("</svg>");
    Some(Chart { title, svg })
}

/// Points with their intervals over a line from 0, 0 to 1, 1, on which all would be if what came were what was expected.
pub(crate) fn diagonal(title: &'static str, points: &[Point]) -> Option<Chart> {
    const SIDE: f64 = 360.0;
    if points.is_empty() {
        return None;
    }
    let plot = SIDE - BELOW - 20.0;
    let (x, y) = (|value: f64| LEFT + plot * value, |value: f64| 10.0 + plot * (1.0 - value));
    let width = LEFT + plot + RIGHT;
    let mut svg =
        format!("<svg viewBox=\"0 0 {width} {SIDE}\" style=\"max-width:26rem\" role=\"img\" aria-label=\"{title}\">");
    for part in [0.0, 0.5, 1.0] {
        svg.push_str(&format!(
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{1:.1}\" x2=\"{2:.1}\" y2=\"{1:.1}\"/>\
             <text x=\"{3:.1}\" y=\"{4:.1}\" text-anchor=\"end\">{part}</text>\
             <text x=\"{0:.1}\" y=\"{5:.1}\" text-anchor=\"middle\">{part}</text>",
            x(part),
            y(part),
            x(1.0),
            LEFT - 6.0,
            y(part) + 4.0,
            SIDE - 14.0
        ));
    }
    svg.push_str(&format!(
        "<line class=\"guide\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    ));
    for point in points {
        svg.push_str(&format!(
            "<line class=\"mark\" x1=\"{0:.1}\" y1=\"{1:.1}\" x2=\"{0:.1}\" y2=\"{2:.1}\"/>\
             <circle class=\"dot\" cx=\"{0:.1}\" cy=\"{3:.1}\" r=\"4\"><title>{4}</title></circle>",
            x(point.x),
            y(point.low),
            y(point.high),
            y(point.y),
            escaped(&point.label)
        ));
    }
    svg.push_str("</svg>");
    Some(Chart { title, svg })
}

/// Rates from 0 to 1 with their intervals, one below the other; a dashed line where `guide` is.
pub(crate) fn intervals(title: &'static str, rows: &[Point], guide: Option<f64>) -> Option<Chart> {
    const ROW: f64 = 26.0;
    const LABELS: f64 = 170.0;
    if rows.is_empty() {
        return None;
    }
    let (plot, height) = (WIDTH - LABELS - RIGHT, ROW * rows.len() as f64 + BELOW + 6.0);
    let x = |value: f64| LABELS + plot * value.clamp(0.0, 1.0);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">");
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.push_str(&format!(
            "<line class=\"axis\" x1=\"{0:.1}\" y1=\"4\" x2=\"{0:.1}\" y2=\"{1:.1}\"/>\
             <text x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{part}</text>",
            x(part),
            height - BELOW,
            height - 6.0
        ));
    }
    if let Some(guide) = guide {
        svg.push_str(&format!(
            "<line class=\"guide\" x1=\"{0:.1}\" y1=\"4\" x2=\"{0:.1}\" y2=\"{1:.1}\"/>",
            x(guide),
            height - BELOW
        ));
    }
    for (at, row) in rows.iter().enumerate() {
        let y = ROW * (at as f64 + 0.5) + 4.0;
        svg.push_str(&format!(
            "<text x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"end\">{2}</text>\
             <line class=\"mark\" x1=\"{3:.1}\" y1=\"{y:.1}\" x2=\"{4:.1}\" y2=\"{y:.1}\"/>\
             <circle class=\"dot\" cx=\"{5:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{2}: {6:.4}</title></circle>",
            LABELS - 10.0,
            y + 4.0,
            escaped(&shortened(&row.label)),
            x(row.low),
            x(row.high),
            x(row.y),
            row.y
        ));
    }
    svg.push_str("</svg>");
    Some(Chart { title, svg })
}

/// What fits beside a drawing.
fn shortened(label: &str) -> String {
    const CHARS_MAX: usize = 22;
    match label.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

/// The least of 1, 2, 5, 10, 20, … that is not below `highest`.
fn scale_end(highest: f64) -> f64 {
    let power = 10_f64.powf(highest.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|end| *end >= highest).unwrap_or(highest)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!([0.07, 1.0, 1.5, 3.0, 99.0, 100.0, 101.0].map(scale_end), [0.1, 1.0, 2.0, 5.0, 100.0, 100.0, 200.0]);
    }

    #[test]
    fn labels_are_escaped_and_nothing_is_no_chart() {
        let chart = bars("t", &[("<b>\"".to_owned(), 3.0), ("x".to_owned(), 0.0)]).unwrap();
        assert!(chart.svg.contains("&lt;b&gt;&quot;: 3") && !chart.svg.contains("<b>") && !chart.svg.contains("NaN"));
        assert!(bars("t", &[]).is_none() && bars("t", &[("x".to_owned(), 0.0)]).is_none());
    }
}
