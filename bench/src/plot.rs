//! Line charts in SVG, without a library: axes, a line for each server, its name at the end.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
/// Room around the chart: left for numbers, right for names.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 55.0;

/// Colours that people who do not see red or green can tell apart (Okabe and Ito), the first for egret.
const COLOURS: [&str; 8] =
    ["#0072b2", "#000000", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"];

/// A chart: the horizontal axis by powers, the vertical one from zero.
#[derive(Debug, Default)]
pub struct Chart {
    pub title: String,
    pub across: String,
    pub up: String,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Chart {
    pub fn new(title: &str, across: &str, up: &str) -> Chart {
        Chart { title: title.into(), across: across.into(), up: up.into(), lines: Vec::new() }
    }

    /// Adds a point to the line of that name; points come from left to right.
    pub fn point(&mut self, name: &str, x: f64, y: f64) {
        match self.lines.iter_mut().find(|(other, _)| other == name) {
            Some((_, points)) => points.push((x, y)),
            None => self.lines.push((name.to_owned(), vec![(x, y)])),
        }
    }

    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let mut places: Vec<f64> = points().map(|(x, _)| *x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let step = step(points().map(|(_, y)| *y).fold(0.0, f64::max));
        let most = step.0 * step.1;
        // Zero has no logarithm: everything is moved by one.
        let power = |x: f64| (x + 1.0).ln();
        let (first, last) =
            (power(places.first().copied().unwrap_or(0.0)), power(places.last().copied().unwrap_or(1.0)));
        let across = |x: f64| LEFT + (power(x) - first) / (last - first).max(1e-9) * (WIDTH - LEFT - RIGHT);
        let up = |y: f64| HEIGHT - BOTTOM - y / most * (HEIGHT - TOP - BOTTOM);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let mut text = |x: f64, y: f64, anchor: &str, more: &str, words: &str| {
            let words = words.replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{words}</text>"
            );
        };
        text(LEFT, 22.0, "start", "font-size=\"15\"", &self.title);
        text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0, "middle", "", &self.across);
        text(
            16.0,
            0.0,
            "middle",
            &format!("transform=\"translate(0 {}) rotate(-90 16 0)\"", HEIGHT / 2.0),
            &self.up,
        );
        let mut free = f64::NEG_INFINITY;
        for x in &places {
            if across(*x) - free > 38.0 {
                free = across(*x);
                text(free, HEIGHT - BOTTOM + 18.0, "middle", "", &short(*x));
            }
        }
        for line in 0..=step.1 as u32 {
            let y = f64::from(line) * step.0;
            text(LEFT - 8.0, up(y) + 4.0, "end", "", &short(y));
        }
        // The names, moved apart where the lines end close to each other.
        let mut ends: Vec<_> = (0..self.lines.len())
            .filter_map(|index| Some((index, up(self.lines[index].1.last()?.1))))
            .collect();
        ends.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut above = f64::NEG_INFINITY;
        for (index, y) in ends {
            above = y.max(above + 14.0);
            let colour = format!("fill=\"{}\"", COLOURS[index % COLOURS.len()]);
            text(WIDTH - RIGHT + 8.0, above + 4.0, "start", &colour, &self.lines[index].0);
        }
        for line in 0..=step.1 as u32 {
            let y = up(f64::from(line) * step.0);
            let _ =
                writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"#ddd\" fill=\"none\"/>", WIDTH - RIGHT);
        }
        for (index, (_, points)) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let path: Vec<_> =
                points.iter().map(|(x, y)| format!("{:.1} {:.1}", across(*x), up(*y))).collect();
            let _ = writeln!(
                svg,
                "<path d=\"M{}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>",
                path.join("L")
            );
            for (x, y) in points {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    across(*x),
                    up(*y)
                );
            }
        }
        svg + "</svg>\n"
    }
}

/// A round step and how many of them reach `most`.
fn step(most: f64) -> (f64, f64) {
    let most = most.max(1e-9);
    let power = 10_f64.powf((most / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let step = steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(steps[3]);
    (step, (most / step).ceil().max(1.0))
}

fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{}k", value / 1e3)
    } else {
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_top() {
        for (most, expected) in
            [(100.0, (20.0, 5.0)), (7.0, (2.0, 4.0)), (0.9, (0.2, 5.0)), (61.0, (20.0, 4.0))]
        {
            assert_eq!(step(most), expected, "{most}");
        }
    }

    #[test]
    fn a_chart_has_a_line_and_a_name_for_each_server_and_a_dot_for_each_point() {
        let mut chart = Chart::new("echo & more", "connections", "us");
        for (x, y) in [(1.0, 10.0), (10.0, 5.0), (1000.0, 7.0)] {
            chart.point("egret", x, y);
            chart.point("tokio", x, 2.0 * y);
        }
        let svg = chart.svg();
        assert_eq!(svg.matches("<circle").count(), 6);
        assert_eq!(svg.matches("stroke-width=\"2\"").count(), 2);
        assert_eq!(svg.matches(">egret</text>").count(), 1);
        assert!(svg.contains("echo &amp; more"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
