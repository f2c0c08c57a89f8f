//! `awaitd restore`: a data directory of a backup.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use awaitd_journal::backup::BadBackup;
use awaitd_journal::read::OpenError;
use awaitd_journal::restore::{RestoreError, Restored, Stage, restore};
use awaitd_journal::segment::SEGMENT_BYTES;
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};

use crate::exit::Exit;
use crate::journal::lives;
use crate::progress;

/// What `restore` may be told.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup, as `GET /v1/backup` gave it; `-` is stdin.
    file: PathBuf,

    /// Where the journal shall be: a directory that is empty or not there yet.
    #[arg(long, env = "AWAITD_DATA_DIR", default_value = "./awaitd-data", value_name = "FOLDER")]
    data_dir: PathBuf,
}

impl Restore {
    /// Restores it, and says what is in it.
    pub(crate) fn run(&self) -> ExitCode {
        let (from, bytes) = match self.open() {
            Ok(opened) => opened,
            Err(error) => {
                eprintln!("awaitd: {}: {error}", self.file.display());
                return Exit::Io.into();
            }
        };
        let bar = progress::bytes("restoring", bytes);
        let mut reading = false;
        let follow = |stage| match stage {
            Stage::Taken(bytes) => bar.set_position(bytes),
            Stage::Read(read) => {
                if !std::mem::replace(&mut reading, true) {
                    progress::go_on(&bar, "checking");
                }
                bar.set_length(read.of);
                bar.set_position(read.bytes);
            }
        };
        let restored = restore(from, &self.data_dir, SEGMENT_BYTES, follow);
        bar.finish_and_clear();
        match restored {
            Ok(restored) => {
                self.tell(&restored);
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("awaitd: {error}; nothing was restored");
                exit(&error).into()
            }
        }
    }

    /// The backup, and how long it is if that is known.
    fn open(&self) -> io::Result<(Box<dyn Read>, Option<u64>)> {
        if self.file.as_os_str() == "-" {
            return Ok((Box::new(io::stdin().lock()), None));
        }
        let file = File::open(&self.file)?;
        let about = file.metadata()?;
        Ok((Box::new(file), about.is_file().then_some(about.len())))
    }

    fn tell(&self, restored: &Restored) {
        let Restored { counts, bytes, entries, fence } = restored;
        println!(
            "restored {} with {} entries into {}: {}. New leases have numbers above {fence}",
            BinaryBytes(*bytes),
            HumanCount(*entries),
            self.data_dir.display(),
            lives(counts),
        );
    }
}

fn exit(error: &RestoreError) -> Exit {
    match error {
        RestoreError::Backup(BadBackup::Io(_))
        | RestoreError::Io(..)
        | RestoreError::Locked(OpenError::Io(..)) => Exit::Io,
        RestoreError::Backup(BadBackup::Damaged { .. } | BadBackup::Version(_))
        | RestoreError::Journal(_) => Exit::Damaged,
        RestoreError::Locked(_) | RestoreError::Occupied(..) => Exit::Failed,
    }
}
