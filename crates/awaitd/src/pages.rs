//! What shells and `man` know of the commands, made of the flags themselves.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::exit::Exit;
use crate::flags;

/// Print what a shell needs to complete commands and options: `source <(awaitd completions bash)`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell.
    shell: Shell,
}

/// Print the manual page: `awaitd man | man -l -`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder instead, which has to be there.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(&self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut flags::command(), "awaitd", &mut script);
        ended(io::stdout().write_all(&script))
    }
}

impl Man {
    pub(crate) fn run(&self) -> ExitCode {
        ended(match &self.dir {
            Some(folder) => pages(folder),
            None => page(flags::command(), &mut io::stdout()),
        })
    }
}

fn pages(folder: &Path) -> io::Result<()> {
    fs::metadata(folder)?;
    clap_mangen::generate_to(flags::command(), folder)
}

fn page(command: clap::Command, out: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    out.write_all(&page)
}

fn ended(done: io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => Exit::Done.into(),
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(error) => {
            eprintln!("awaitd: failed to write: {error}");
            Exit::Io.into()
        }
    }
}
