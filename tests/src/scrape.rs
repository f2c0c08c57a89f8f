//! `/metrics`, read the way Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

/// One scrape.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// The text as it came.
    pub text: String,
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Reads the text; what cannot be read is an error of the server's.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { text: text.to_owned(), samples: lines.map(sample).collect() }
    }

    /// The sum of all series of this name that have these labels; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values = self.matching(name, labels).map(|sample| sample.value);
        // The sum of no floats at all is -0.
        values.sum::<f64>() + 0.0
    }

    /// A count: [`Scrape::sum`] as the integer that it has to be.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels);
        format!("{sum}").parse().unwrap_or_else(|_| panic!("{name} {labels:?} is {sum}"))
    }

    /// Whether there is any such series.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// All values that a label has in the series of a name.
    pub fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.matching(name, &[]).filter_map(|sample| sample.labels.get(label)).cloned().collect()
    }

    /// Every series but those whose name the filter refuses, as sorted lines: to be compared.
    pub fn lines(&self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let kept = self.samples.iter().filter(|sample| keep(&sample.name));
        let mut lines: Vec<_> = kept
            .map(|sample| format!("{} {:?} {}", sample.name, sample.labels, sample.value))
            .collect();
        lines.sort();
        lines
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| {
                    sample.labels.get(*label).is_some_and(|found| found == value)
                })
        })
    }
}

fn sample(line: &str) -> Sample {
    let read = || {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels(rest.strip_suffix('}')?)?;
        Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
    };
    read().unwrap_or_else(|| panic!("this is no line of metrics: {line}"))
}

/// `a="x",b="y"`. No value of awaitd's needs escaping: names and routes have no quotes.
fn labels(text: &str) -> Option<BTreeMap<String, String>> {
    let parts = text.split_terminator("\",").map(|part| part.trim_end_matches('"'));
    parts
        .map(|part| part.split_once("=\""))
        .map(|pair| pair.map(|(label, value)| (label.to_owned(), value.to_owned())))
        .collect()
}
