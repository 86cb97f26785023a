//! Bars over an axis, as SVG: numbers go in, no text of anybody's but escaped labels.

/// A drawing with its heading.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) svg: String,
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
