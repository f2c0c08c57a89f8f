//! A bar on stderr for what may take long, if that is a terminal; nothing otherwise.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for bytes: `of` so many, or of nobody knows how many.
pub(crate) fn bytes(what: &'static str, of: Option<u64>) -> ProgressBar {
    match of {
        Some(of) => restyle(&ProgressBar::new(of), what, true),
        None => restyle(&ProgressBar::no_length(), what, false),
    }
}

/// The same bar for another part of the work, whose end is known.
pub(crate) fn go_on(bar: &ProgressBar, what: &'static str) {
    bar.reset();
    restyle(bar, what, true);
}

fn restyle(bar: &ProgressBar, what: &'static str, ends: bool) -> ProgressBar {
    let template = if ends {
        "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
    } else {
        "{msg} {spinner} {binary_bytes}, {binary_bytes_per_sec}"
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is right"));
    bar.set_message(what);
    bar.clone()
}
