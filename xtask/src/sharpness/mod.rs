//! `cargo xtask sharpness`: are the tests of the core sharp? For each rule of [`MUTANTS`] and [`SHARING`] the
//! random histories are played on a core without it, and must break: by what they assert, not because it fails to
//! compile. Those of [`WORK`] a transcript may notice instead. A rule whose text is not found fails
//! too, so that the table stays in step with the code.

mod copy;
mod switch;

use std::io;
use std::sync::Mutex;
use std::thread;

use crate::mutants::{MUTANTS, Mutant, SHARING, WORK};
use crate::sharpness::copy::{Copy, Tests};
use crate::test;

/// Plays so many histories on each mutant, until one breaks, and says which; `only` names those to play.
pub(crate) fn run(histories: u64, only: Option<&str>) -> io::Result<()> {
    let mutants: Vec<_> = MUTANTS.iter().chain(SHARING).chain(WORK).collect();
    let copy = Copy::of(test::root(), &mutants)?;
    let tests = copy.build()?;
    println!("{histories} histories on the core as it is");
    if let Some(number) = tests.first_broken(histories)? {
        let why = format!("the core as it is does not pass: AWAITD_SEED={number} tells how");
        return Err(io::Error::other(why));
    }
    let wanted = |number: &usize| only.is_none_or(|only| mutants[*number].name.contains(only));
    let (alone, together): (Vec<_>, Vec<_>) =
        (0..mutants.len()).filter(wanted).partition(|number| copy.alone.contains(number));
    let left = Mutex::new(together.into_iter());
    let work_off = || {
        let mut dull = Vec::new();
        let next = || left.lock().expect("nobody panics with it").next();
        while let Some(number) = next() {
            dull.extend(play(mutants[number], &tests.with(number), histories)?);
        }
        Ok(dull)
    };
    let mut dull = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(work_off)).collect();
        let dull = all.into_iter().map(|it| it.join().expect("a worker does not panic"));
        dull.collect::<io::Result<Vec<_>>>()
    })?
    .concat();
    for number in alone {
        dull.extend(play(mutants[number], &copy.build_alone(mutants[number])?, histories)?);
    }
    if dull.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!("not noticed: {}", dull.join(", "))))
    }
}

/// Plays histories on a mutant, and prints what noticed it; its name if nothing did.
fn play(mutant: &Mutant, tests: &Tests, histories: u64) -> io::Result<Option<&'static str>> {
    let Mutant { name, rule, .. } = mutant;
    let noticed = match tests.first_broken(histories)? {
        Some(number) => Some(format!("history {number}")),
        None if WORK.iter().any(|it| it.name == *name) && tests.break_transcripts()? => {
            Some("a transcript".to_owned())
        }
        None => None,
    };
    println!("{:>12}  {name}: {rule}", noticed.as_deref().unwrap_or("NOT NOTICED"));
    Ok(noticed.is_none().then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of each rule stands once in the core: whoever changes it hears so long before the histories play.
    #[test]
    fn each_rule_is_found() {
        for mutant in MUTANTS.iter().chain(SHARING).chain(WORK) {
            copy::read(test::root(), mutant).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
