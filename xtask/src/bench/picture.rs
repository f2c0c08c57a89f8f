//! A picture of figures: bars in groups.

use std::fmt::Write;

use super::table::grouped;

/// Bars with the same names in each group.
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) names: Vec<String>,
    pub(super) groups: Vec<Group>,
}

pub(super) struct Group {
    pub(super) name: String,
    /// One for each of the names.
    pub(super) values: Vec<f64>,
}

// Everything is in pixels of a picture that is so wide; a browser fits it to the page.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 160.0;
const RIGHT: f64 = 80.0;
const TOP: f64 = 44.0;
const BAR: f64 = 18.0;
const HEADING: f64 = 30.0;

/// Told apart also by those who see few colours; strong enough on white and on black. The first
/// belong to the program itself.
const COLOURS: [&str; 6] = ["#2f81f7", "#79b8ff", "#d1603d", "#e3a27f", "#8c959f", "#3fa66b"];

/// The page around it may be light or dark, and not every viewer tells a picture which: this grey can
/// be read on both.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#747c86}\
.title{font-size:15px;font-weight:600}.group{font-weight:600}\
.name,.value{font-size:12px}.name{text-anchor:end}";

impl Bars {
    /// As SVG.
    pub(super) fn svg(&self) -> String {
        let rows = self.names.len() as f64 * BAR + HEADING;
        let height = TOP + rows * self.groups.len() as f64 + 10.0;
        let most = self.groups.iter().flat_map(|group| &group.values);
        let most = most.copied().fold(1.0, f64::max);
        let mut bars = String::new();
        let mut y = TOP;
        for group in &self.groups {
            y += HEADING;
            text(&mut bars, "group", 12.0, y - 8.0, &group.name);
            for (index, (name, &value)) in self.names.iter().zip(&group.values).enumerate() {
                let long = (value / most * (WIDTH - LEFT - RIGHT)).max(1.0);
                let colour = COLOURS[index % COLOURS.len()];
                text(&mut bars, "name", LEFT - 8.0, y + 12.0, name);
                // Writing to a string does not fail.
                let _ = writeln!(
                    bars,
                    r#"<rect x="{LEFT}" y="{:.0}" width="{long:.1}" height="{:.0}" rx="2" fill="{colour}"/>"#,
                    y + 1.0,
                    BAR - 3.0,
                );
                text(&mut bars, "value", LEFT + long + 6.0, y + 12.0, &grouped(value, 0));
                y += BAR;
            }
        }
        let mut title = String::new();
        text(&mut title, "title", 12.0, 26.0, &self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n{title}{bars}</svg>\n",
            self.title,
        )
    }
}

fn text(out: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#);
}
