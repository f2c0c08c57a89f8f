//! The project's own commands: `cargo xtask test`, and what stands behind its steps.

mod bench;
mod changes;
mod counts;
mod mutants;
mod python;
mod sharpness;
mod siege;
mod test;
mod tools;
mod torture;
mod ui;

use std::process::ExitCode;

use clap::Parser;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Passes all the tests: brings what they need, and says what was left out
    Test(test::Args),
    /// Measures speed and memory of the release binary, beside other queues
    Bench(bench::Args),
    /// Loads a server with a journal steadily for long: does it grow, does it lose jobs
    Soak(bench::soak::Args),
    /// Takes rules out of the core, one at a time, and sees whether the random histories notice
    Sharpness {
        /// Histories for each rule, until one breaks
        #[arg(long, default_value_t = 3_000)]
        histories: u64,
        /// Only rules whose names contain this
        only: Option<String>,
    },
    /// Changes the code of leases and of the journal, bit by bit, and sees whether their tests notice
    Mutants(changes::Args),
    /// Counts instructions of the core, and holds their ratios to bounds
    Counts,
    /// Kills the server again and again among its clients, and holds it to what it told them
    Torture(torture::Args),
    /// Times a client's requests beside a thousand connections that send or read slowly
    Siege(siege::Args),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Soak(args) => bench::soak::run(&args),
        Command::Sharpness { histories, only } => sharpness::run(histories, only.as_deref()),
        Command::Mutants(args) => changes::run(&args),
        Command::Counts => counts::run().map(|left_out| {
            if let Some(why) = left_out {
                println!("left out: {why}");
            }
        }),
        Command::Torture(args) => torture::run(&args),
        Command::Siege(args) => siege::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
