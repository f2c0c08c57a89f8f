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

fn show(value: &Value, column: &Column) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(number) => grouped(number.as_f64().unwrap_or(f64::NAN), column.decimals),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// `12345.6` as `12,346`: thousands apart, so that a digit too many is seen.
fn grouped(number: f64, decimals: usize) -> String {
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
