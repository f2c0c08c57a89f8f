//! `awaitd journal`: looks into a journal, and changes nothing.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use awaitd_journal::disk::{Disk, Folder};
use awaitd_journal::file;
use awaitd_journal::read::{OpenError, Progress};
use awaitd_journal::recover::{self, Scanned};
use awaitd_primitives::{Counts, Entry, Record, Time};
use clap::Subcommand;
use indicatif::{BinaryBytes, HumanCount, ProgressBar};
use serde::Serialize;

use crate::exit::Exit;
use crate::progress;

/// So much is written at one time.
const WRITE_BYTES: usize = 64 * 1024;

/// Ways to look into a journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Look {
    /// Read all of it, and say whether it is good. Exit code 65: it is damaged.
    Verify {
        /// The data directory.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Print each entry as a line of JSON.
    Dump {
        /// The data directory.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// Why there is nothing to say about a journal, or nothing good.
enum Trouble {
    /// There is none.
    Nothing(PathBuf),
    /// It cannot be read.
    Open(OpenError),
    /// What is read cannot be said.
    Output(io::Error),
}

/// An entry as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    segment: u64,
    offset: u64,
    at: Time,
    records: &'a [Record],
}

impl Look {
    /// Looks, and says what is there.
    pub(crate) fn run(&self) -> ExitCode {
        let done = match self {
            Self::Verify { folder } => verify(folder),
            Self::Dump { folder } => dump(folder),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(trouble) => trouble.tell(),
        }
    }
}

fn verify(folder: &Path) -> Result<(), Trouble> {
    let bar = progress::bytes("verifying", Some(0));
    let Scanned { state, segments, sealed, torn, read } = scan(folder, &bar, |_, _| {})?;
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    let mut say = |line: String| match writeln!(out, "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Trouble::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    say(format!("segments: {}, {}", HumanCount(segments), BinaryBytes(read.of)))?;
    say(format!("entries: {}", HumanCount(read.entries)))?;
    say(format!("what lives: {}", lives(&state.counts())))?;
    say(format!("closed in order: {}", if sealed { "yes" } else { "no" }))?;
    if let Some(torn) = torn {
        say(format!(
            "torn: {} from byte {} on: {} bytes of an append that was not finished; nobody was told that \
             it was done, and the next start cuts it off",
            torn.file.display(),
            torn.offset,
            torn.bytes,
        ))?;
    }
    say("it is good".into())
}

/// How much there is, for people.
pub(crate) fn lives(counts: &Counts) -> String {
    let Counts { queues, events, locks, jobs, leases, keys } = *counts;
    let all = [
        (jobs, "job"),
        (queues, "queue"),
        (events, "event"),
        (locks, "other thing"),
        (leases, "lease"),
        (keys, "key"),
    ];
    let text = |(count, what)| {
        format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
    };
    all.map(text).join(", ")
}

fn dump(folder: &Path) -> Result<(), Trouble> {
    // A bar and lines would write over each other.
    let bar = if io::stdout().is_terminal() {
        ProgressBar::hidden()
    } else {
        progress::bytes("dumping", Some(0))
    };
    let mut out = BufWriter::with_capacity(WRITE_BYTES, io::stdout().lock());
    let mut wrote = Ok(());
    let read = scan(folder, &bar, |(segment, offset), Entry { at, records }| {
        if wrote.is_ok() {
            let line = Line { segment, offset, at: *at, records };
            wrote = heard(write_line(&mut out, &line));
        }
    });
    // What was read before a damage is shown, or there would be no use in it.
    let wrote = wrote.and_then(|()| heard(out.flush()));
    bar.finish_and_clear();
    wrote.map_err(Trouble::Output)?;
    read.map(|_| ())
}

fn write_line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Whoever read has seen enough: then this is the end, and a good one.
fn heard(wrote: io::Result<()>) -> io::Result<()> {
    match wrote {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        other => other,
    }
}

/// Reads a journal that nobody changes meanwhile.
fn scan(
    folder: &Path,
    bar: &ProgressBar,
    entry: impl FnMut((u64, u64), &Entry),
) -> Result<Scanned, Trouble> {
    let nothing = || Trouble::Nothing(folder.into());
    if !folder.is_dir() {
        return Err(nothing());
    }
    let io = |error| Trouble::Open(OpenError::Io(folder.into(), error));
    let disk = Folder::at(folder).map_err(io)?;
    let _locked = file::reading(&disk).map_err(Trouble::Open)?;
    let follow = |read: Progress| {
        bar.set_length(read.of);
        bar.set_position(read.bytes);
    };
    let scanned = recover::scan(&ReadOnly(disk), follow, entry);
    if scanned.is_err() {
        bar.finish_and_clear();
    }
    scanned.map_err(Trouble::Open).and_then(|scanned| match scanned.segments {
        0 => Err(nothing()),
        _ => Ok(scanned),
    })
}

/// A folder in which nothing can be changed, also where the system would not let us: a disk that fails
/// is often mounted read-only.
#[derive(Clone, Debug)]
struct ReadOnly(Folder);

impl ReadOnly {
    fn refuse<T>() -> io::Result<T> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }
}

impl Disk for ReadOnly {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, _name: &str, _bytes: u64) -> io::Result<File> {
        Self::refuse()
    }

    fn open(&self, name: &str) -> io::Result<File> {
        File::open(self.path(name))
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Self::refuse()
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Self::refuse()
    }

    fn sync_names(&self) -> io::Result<()> {
        Self::refuse()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
}

impl Trouble {
    fn tell(&self) -> ExitCode {
        match self {
            Self::Nothing(folder) => {
                eprintln!("awaitd: there is no journal in {}", folder.display());
                ExitCode::FAILURE
            }
            Self::Output(error) => {
                eprintln!("awaitd: failed to write: {error}");
                Exit::Io.into()
            }
            Self::Open(error) => {
                eprintln!("awaitd: {error}");
                match error {
                    OpenError::Damaged { .. } | OpenError::Missing(_) => {
                        eprintln!(
                            "What was there was synced, and is not there any more as it was: the disk, or \
                             somebody, changed it. Put the file back, or use a backup: `awaitd restore \
                             FILE --data-dir FOLDER` with a new folder. `awaitd journal dump` shows what \
                             can be read up to there. Nothing was changed."
                        );
                        Exit::Damaged.into()
                    }
                    OpenError::Version(..) => {
                        eprintln!("Use the version that wrote it, or a newer one.");
                        Exit::Damaged.into()
                    }
                    OpenError::Locked(..) => {
                        eprintln!(
                            "What is being written cannot be judged: stop that one first, or take a \
                             backup of it (`GET /v1/backup`)."
                        );
                        ExitCode::FAILURE
                    }
                    OpenError::Io(..) => Exit::Io.into(),
                }
            }
        }
    }
}
