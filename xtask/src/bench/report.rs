//! What a run found, for people, for programs and for the documentation.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::picture::Bars;
use super::table::Table;

/// In a file of Markdown, everything below this line is replaced.
const MARK: &str = "<!-- figures -->\n";

#[derive(Default)]
pub(super) struct Report {
    /// The run, the versions, and what was left out.
    pub(super) notes: Vec<String>,
    pub(super) tables: Vec<Table>,
    pub(super) bars: Option<Bars>,
}

impl Report {
    pub(super) fn json(&self, kind: &str, cores: usize) -> Value {
        let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
        json!({ "kind": kind, "cores": cores, "notes": self.notes, "tables": tables })
    }

    /// Writes the tables into a file, and the picture beside it.
    pub(super) fn write_markdown(&self, file: &Path) -> io::Result<()> {
        let mut text = match fs::read_to_string(file) {
            Ok(text) => text.split_once(MARK).map_or("", |(above, _)| above).to_owned() + MARK,
            Err(error) if error.kind() == io::ErrorKind::NotFound => MARK.to_owned(),
            Err(error) => return Err(error),
        };
        text += "\n";
        text.extend(self.notes.iter().map(|note| format!("- {note}\n")));
        if let Some(bars) = &self.bars {
            let picture = file.with_extension("svg");
            fs::write(&picture, bars.svg())?;
            let name = picture.file_name().unwrap_or_default().to_string_lossy().into_owned();
            text.extend([format!("\n![{}]({name})\n", bars.title)]);
        }
        text.extend(self.tables.iter().map(|table| format!("\n{}", table.markdown())));
        fs::write(file, text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        self.tables.iter().try_for_each(|table| write!(f, "\n{table}"))
    }
}
