//! A bar on stderr for what may take long, if that is a terminal; nothing otherwise.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for bytes: `of` so many, or of nobody knows how many. It is drawn when there is something to
/// tell.
pub(crate) fn bytes(what: &'static str, of: Option<u64>) -> ProgressBar {
    let bar = of.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(style(of.is_some())).with_message(what)
}

/// The same bar for another part of the work, whose end is known.
pub(crate) fn go_on(bar: &ProgressBar, what: &'static str) {
    bar.reset();
    bar.set_style(style(true));
    bar.set_message(what);
}

fn style(ends: bool) -> ProgressStyle {
    let template = if ends {
        "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
    } else {
        "{msg} {spinner} {binary_bytes}, {binary_bytes_per_sec}"
    };
    ProgressStyle::with_template(template).expect("the template is right")
}
