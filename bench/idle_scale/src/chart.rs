//! The chart: both axes by powers of ten, so that what grows with the number of descriptors is a straight slope and
//! what does not is level, whatever the size of either.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
/// Room around it: left for numbers, right for names.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 45.0;
const BOTTOM: f64 = 55.0;
/// How far apart two names are at least.
const LINE: f64 = 15.0;

/// Colours that people who do not see red or green can tell apart (Okabe and Ito).
const COLOURS: [&str; 5] = ["#0072b2", "#000000", "#d55e00", "#009e73", "#cc79a7"];

/// A name, and its points from left to right.
pub type Series = (&'static str, Vec<(f64, f64)>);

/// The powers of ten from the one below the least to the one above the most.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
    let most = values.fold(0.0, f64::max).log10().ceil();
    (least, most.max(least + 1.0))
}

pub fn svg(title: &str, across: &str, up: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|(_, points)| points);
    let (left, right) = decades(points().map(|(x, _)| *x));
    let (low, high) = decades(points().map(|(_, y)| *y));
    let x_of = |x: f64| LEFT + (x.log10() - left) / (right - left) * (WIDTH - LEFT - RIGHT);
    let y_of = |y: f64| HEIGHT - BOTTOM - (y.log10() - low) / (high - low) * (HEIGHT - TOP - BOTTOM);

    let mut parts = String::new();
    let mut text = |x: f64, y: f64, anchor: &str, more: &str, words: &str| {
        let _ =
            writeln!(parts, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{words}</text>");
    };
    text(LEFT, 24.0, "start", "font-size=\"15\"", title);
    text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0, "middle", "", across);
    let turned = format!("transform=\"rotate(-90 18 {0})\"", HEIGHT / 2.0);
    text(18.0, HEIGHT / 2.0, "middle", &turned, up);
    let mut grid = String::new();
    for power in left as i32..=right as i32 {
        let x = x_of(10_f64.powi(power));
        text(x, HEIGHT - BOTTOM + 18.0, "middle", "", &format!("{}", 10_f64.powi(power)));
        let _ = write!(grid, "M{x:.1} {TOP}V{}", HEIGHT - BOTTOM);
    }
    for power in low as i32..=high as i32 {
        let y = y_of(10_f64.powi(power));
        text(LEFT - 8.0, y + 4.0, "end", "", &format!("{}", 10_f64.powi(power)));
        let _ = write!(grid, "M{LEFT} {y:.1}H{}", WIDTH - RIGHT);
    }
    // Each name at the end of its line, moved down where lines end close to each other.
    let mut ends: Vec<_> = series
        .iter()
        .zip(COLOURS.iter().cycle())
        .filter_map(|((name, points), colour)| {
            points.last().map(|(x, y)| (x_of(*x), y_of(*y), *name, *colour))
        })
        .collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut above = f64::NEG_INFINITY;
    for (x, y, name, colour) in ends {
        above = y.max(above + LINE);
        text(x + 8.0, above + 4.0, "start", &format!("fill=\"{colour}\""), name);
    }
    let _ = writeln!(parts, "<path d=\"{grid}\" stroke=\"#ddd\"/>");
    for ((_, points), colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let line: Vec<_> = points.iter().map(|(x, y)| format!("{:.1} {:.1}", x_of(*x), y_of(*y))).collect();
        let _ = writeln!(
            parts,
            "<path d=\"M{}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>",
            line.join("L")
        );
        for (x, y) in points {
            let _ = writeln!(
                parts,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x_of(*x),
                y_of(*y)
            );
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{parts}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_tenfold_per_decade_is_a_slope_and_what_does_not_is_level() {
        let slope = vec![(10.0, 10.0), (100.0, 100.0), (1000.0, 1000.0)];
        let level = vec![(10.0, 10.0), (1000.0, 10.0)];
        let svg = svg("title", "x", "y", &[("slope", slope), ("level", level)]);
        // Of a chart that is 600 wide and 320 high: two decades across and two up.
        assert!(svg.contains("<path d=\"M70.0 365.0L370.0 205.0L670.0 45.0\""), "{svg}");
        assert!(svg.contains("<path d=\"M70.0 365.0L670.0 365.0\""), "{svg}");
        assert_eq!((svg.matches("<circle").count(), svg.matches(">level</text>").count()), (5, 1));
    }

    #[test]
    fn decades_are_whole_and_at_least_one() {
        for (values, expected) in
            [(vec![10.0, 15_000.0], (1.0, 5.0)), (vec![7.1, 2400.0], (0.0, 4.0)), (vec![10.0], (1.0, 2.0))]
        {
            assert_eq!(decades(values.iter().copied()), expected, "{values:?}");
        }
    }
}
