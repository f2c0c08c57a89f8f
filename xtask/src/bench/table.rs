//! Figures in rows, for people and for programs.

use std::fmt;

use serde_json::{Map, Value, json};

/// Rows under headings. Prints itself with the columns lined up.
pub(super) struct Table {
    title: String,
    columns: &'static [Column],
    rows: Vec<Vec<Value>>,
}

/// The heading for people, the member's name in JSON, and how many decimals a number shows.
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) key: &'static str,
    pub(super) decimals: usize,
}

impl Table {
    pub(super) fn new(title: impl Into<String>, columns: &'static [Column]) -> Self {
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// `row` has a value for each column; null where there is none.
    pub(super) fn push(&mut self, row: Vec<Value>) {
        assert_eq!(row.len(), self.columns.len(), "a row has a value for each column");
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The aims in it: what is measured where, the figure, the aim, and whether it is reached. A figure
    /// has its aim to the right of it.
    pub(super) fn aims(&self) -> Vec<[Value; 4]> {
        let mut aims = Vec::new();
        for row in &self.rows {
            for (column, aim) in row.iter().enumerate().filter(|(column, _)| *column > 0) {
                let figure = &row[column - 1];
                let Some((kind, bound)) = aim.as_str().and_then(|aim| aim.split_once(' ')) else {
                    continue;
                };
                let (Some(value), Ok(bound)) = (figure.as_f64(), bound.parse::<f64>()) else {
                    continue;
                };
                let reached = match (self.columns[column].heading, kind) {
                    ("aim", "≤") => value <= bound,
                    ("aim", "≥") => value >= bound,
                    _ => continue,
                };
                let measured = &self.columns[column - 1];
                let about =
                    self.title.split([':', ';', ',', '(']).next().unwrap_or_default().trim();
                let what = format!("{about}: {}: {}", self.label(row), measured.heading);
                let shown = json!(show(figure, measured));
                let reached = json!(if reached { "yes" } else { "no" });
                aims.push([json!(what), shown, aim.clone(), reached]);
            }
        }
        aims
    }

    /// What a row is about: its cells up to the first figure behind a text.
    fn label(&self, row: &[Value]) -> String {
        let first_text = row.iter().position(Value::is_string).unwrap_or(0);
        let texts = row[first_text..].iter().take_while(|value| value.is_string()).count();
        let cells = row.iter().zip(self.columns).take(first_text + texts);
        let label = cells.map(|(value, column)| match value {
            Value::Number(_) => format!("{} {}", column.heading, show(value, column)),
            _ => show(value, column),
        });
        label.collect::<Vec<_>>().join(", ")
    }

    /// The same as a section of Markdown.
    pub(super) fn markdown(&self) -> String {
        let words = |row: usize, column: usize| {
            self.rows.get(row).is_some_and(|row| row[column].is_string())
        };
        let headings = self.columns.iter().map(|column| column.heading.to_owned());
        let ruler =
            (0..self.columns.len()).map(|column| if words(0, column) { "---" } else { "---:" });
        let mut lines = vec![line(headings), line(ruler.map(str::to_owned))];
        lines.extend(self.rows.iter().map(|row| {
            line(row.iter().zip(self.columns).map(|(value, column)| show(value, column)))
        }));
        format!("### {}\n\n{}\n", self.title, lines.join("\n"))
    }

    pub(super) fn json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let keys = self.columns.iter().map(|column| column.key.to_owned());
            Value::Object(keys.zip(row.iter().cloned()).collect::<Map<_, _>>())
        };
        json!({ "title": self.title, "rows": self.rows.iter().map(object).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![self.columns.iter().map(|column| column.heading.to_owned()).collect()];
        lines.extend(self.rows.iter().map(|row| -> Vec<String> {
            row.iter().zip(self.columns).map(|(value, column)| show(value, column)).collect()
        }));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        writeln!(f, "{}", self.title)?;
        for line in lines {
            for (cell, width) in line.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A line of a table in Markdown.
fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

fn show(value: &Value, column: &Column) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(number) => grouped(number.as_f64().unwrap_or(f64::NAN), column.decimals),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// `12345.6` as `12,346`: thousands apart, so that a digit too many is seen.
pub(super) fn grouped(number: f64, decimals: usize) -> String {
    let plain = format!("{number:.decimals$}");
    let whole = plain.find('.').unwrap_or(plain.len());
    let mut shown = String::new();
    for (index, digit) in plain.char_indices() {
        let left = whole.saturating_sub(index);
        if index > 0 && index < whole && left.is_multiple_of(3) && !shown.ends_with('-') {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The aims of all tables in one.
pub(super) fn aims(tables: &[Table]) -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "what", key: "what", decimals: 0 },
        Column { heading: "measured", key: "measured", decimals: 0 },
        Column { heading: "aim", key: "aim", decimals: 0 },
        Column { heading: "reached", key: "reached", decimals: 0 },
    ];
    let mut table = Table::new("Aims", COLUMNS);
    for aim in tables.iter().flat_map(Table::aims) {
        table.push(aim.to_vec());
    }
    table
}

/// The table of everything that is counted in bytes.
pub(super) fn memory() -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "what", key: "what", decimals: 0 },
        Column { heading: "how many", key: "count", decimals: 0 },
        Column { heading: "resident bytes each", key: "bytes_each", decimals: 0 },
        Column { heading: "aim", key: "aim", decimals: 0 },
        Column { heading: "if we can", key: "stretch", decimals: 0 },
    ];
    Table::new(
        "Memory of the server's process (what the kernel holds for sockets is not in it)",
        COLUMNS,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first table of a run says is what people will quote.
    #[test]
    fn an_aim_is_about_the_figure_to_its_left() {
        const COLUMNS: &[Column] = &[
            Column { heading: "connections", key: "connections", decimals: 0 },
            Column { heading: "target", key: "target", decimals: 0 },
            Column { heading: "speed", key: "speed", decimals: 1 },
            Column { heading: "aim", key: "speed_aim", decimals: 0 },
            Column { heading: "cost", key: "cost", decimals: 1 },
            Column { heading: "aim", key: "cost_aim", decimals: 0 },
        ];
        let mut table = Table::new("Cycles (put, get, done)", COLUMNS);
        table.push(vec![json!(1), json!("a"), json!(2.0), Value::Null, json!(9.0), Value::Null]);
        table.push(vec![
            json!(64),
            json!("a"),
            json!(5.9),
            json!("≥ 6"),
            json!(1.6),
            json!("≤ 1.6"),
        ]);
        let aims = [
            ["Cycles: connections 64, a: speed", "5.9", "≥ 6", "no"],
            ["Cycles: connections 64, a: cost", "1.6", "≤ 1.6", "yes"],
        ];
        assert_eq!(table.aims(), aims.map(|aim| aim.map(|text| json!(text))));
    }
}
