//! One build for all mutants: a function that has the text of one gets a body for each, beside its own, and a
//! variable of the environment says which of them is the one that acts.

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::ops::Range;

use syn::visit::Visit;
use syn::{Block, ImplItemFn, ItemFn, Signature};

use crate::mutants::Mutant;

/// Says to a core with all mutants by its number which one it is; without it, it is the core as it is.
pub(super) const VARIABLE: &str = "AWAITD_TAKEN_OUT";

/// What the core has to have for it at its top.
pub(super) fn taken_out() -> String {
    format!(
        r#"
/// The number of the rule that is taken out.
fn taken_out() -> usize {{
    static NUMBER: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let read = || std::env::var("{VARIABLE}").map_or(usize::MAX, |it| it.parse().unwrap());
    *NUMBER.get_or_init(read)
}}
"#
    )
}

/// Stands before each body that is a mutant's, and before the one that was there.
const NAME: &str = "// taken out: ";

/// The source with all of its mutants, each by its number; those that have to be built alone are told to `alone`,
/// since their text is in no function, or in one of which there can be only one body.
pub(super) fn with_all(
    source: &str,
    mutants: &[(usize, &Mutant)],
    mut alone: impl FnMut(usize),
) -> Result<String> {
    let mut functions = Functions { source, bodies: Vec::new() };
    functions.visit_file(&syn::parse_file(source).map_err(Error::other)?);
    for (number, mutant) in mutants {
        let has = |body: &Range<usize>| source[body.clone()].contains(mutant.text);
        if !functions.bodies.iter().any(has) {
            alone(*number);
        }
    }
    let mut all = source.to_owned();
    // From the end, so that those before it stay where they are.
    for place in functions.bodies.into_iter().rev() {
        let body = &source[place.clone()];
        let mut bodies = String::new();
        for (number, Mutant { name, text, instead, .. }) in mutants {
            if body.contains(text) {
                let body = body.replace(text, instead);
                // Of what is not whole the compiler would speak elsewhere.
                syn::parse_str::<Block>(&body)
                    .map_err(|error| Error::other(format!("{name}: {error}")))?;
                write!(bodies, "\n{NAME}{name}\n{number} => {body}").expect("a string takes it");
            }
        }
        if !bodies.is_empty() {
            let body =
                format!("{{ match crate::taken_out() {{{bodies}\n{NAME}none\n_ => {body}\n}} }}");
            all.replace_range(place, &body);
        }
    }
    Ok(all)
}

/// Whose body a line of such a source is in.
pub(super) fn whose(source: &str, line: usize) -> Option<&str> {
    source.lines().take(line).filter_map(|line| line.strip_prefix(NAME)).last()
}

/// Where the bodies are of functions that may have several.
struct Functions<'a> {
    source: &'a str,
    bodies: Vec<Range<usize>>,
}

impl Functions<'_> {
    /// Takes the body, unless its type is only known by what is in it, or the compiler has to run it.
    fn take(&mut self, signature: &Signature, body: &Block) {
        let braces = body.brace_token.span;
        let place = braces.open().byte_range().start..braces.close().byte_range().end;
        let told = signature.paren_token.span.close().byte_range().end..place.start;
        let opaque = self.source[told].contains("impl ");
        if !opaque && signature.constness.is_none() {
            self.bodies.push(place);
        }
    }
}

/// What is within a function is left with it.
impl Visit<'_> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &ItemFn) {
        self.take(&function.sig, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &ImplItemFn) {
        self.take(&function.sig, &function.block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mutant(name: &'static str, text: &'static str, instead: &'static str) -> Mutant {
        Mutant { name, rule: "", file: "", text, instead }
    }

    const SOURCE: &str = "\
const MOST: u32 = 7;
/// Ä
fn least(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}
impl Line {
    fn all(&self) -> impl Iterator<Item = u32> {
        (1..3).rev()
    }
    const fn one() -> u32 {
        1 + 0
    }
    fn go(&mut self) {
        self.gone = true;
    }
}
";

    /// A function has a body for each of its mutants, and what has to be built alone stays as it is.
    #[test]
    fn a_function_has_a_body_for_each_mutant() {
        let mutants = [
            mutant("less", "a < b", "a <= b"),
            mutant("a number", "MOST: u32 = 7", "MOST: u32 = 8"),
            mutant("more", "{ a } else { b }", "{ b } else { a }"),
            mutant("backwards", "(1..3).rev()", "1..3"),
            mutant("nothing", "1 + 0", "0"),
            mutant("stays", "self.gone = true", "self.gone = false"),
        ];
        let numbered: Vec<_> = mutants.iter().enumerate().collect();
        let mut alone = Vec::new();
        let all = with_all(SOURCE, &numbered, |number| alone.push(number)).expect("it is Rust");
        assert_eq!(alone, [1, 3, 4]);
        let expected = SOURCE.replace(
            "{\n    if a < b { a } else { b }\n}",
            "{ match crate::taken_out() {\n\
             // taken out: less\n0 => {\n    if a <= b { a } else { b }\n}\n\
             // taken out: more\n2 => {\n    if a < b { b } else { a }\n}\n\
             // taken out: none\n_ => {\n    if a < b { a } else { b }\n}\n} }",
        );
        let expected = expected.replace(
            "{\n        self.gone = true;\n    }",
            "{ match crate::taken_out() {\n\
             // taken out: stays\n5 => {\n        self.gone = false;\n    }\n\
             // taken out: none\n_ => {\n        self.gone = true;\n    }\n} }",
        );
        assert_eq!(all, expected);
        assert_eq!(whose(&all, 6), Some("less"));
        assert_eq!(whose(&all, 14), Some("none"));
        assert_eq!(whose(&all, 2), None);
    }

    /// What is not whole is told by its name, since the compiler would speak of what comes behind it.
    #[test]
    fn half_a_body_is_told_by_its_name() {
        let mutant = mutant("half", "{ a } else", "{ a else");
        let error = with_all(SOURCE, &[(0, &mutant)], |_| {}).expect_err("it is not Rust");
        assert!(error.to_string().starts_with("half: "), "{error}");
    }
}
