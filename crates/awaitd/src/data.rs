//! What a server goes on from: the journal in its data directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use awaitd_journal::read::{OpenError, Progress};
use awaitd_journal::recover::Options;
use awaitd_journal::restore::broken_off;
use awaitd_journal::segment::SEGMENT_BYTES;
use awaitd_journal::{FileJournal, file::Opened};
use awaitd_server::Clock;
use awaitd_server::clock::Jump;
use rustix::io::Errno;
use rustix::system::sysinfo;
use tracing::{info, warn};

use crate::Failure;
use crate::flags::Serve;

/// Progress is told so often.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What an entry has beside a body, and a segment beside an entry, generously.
const AROUND_A_BODY: u64 = 16 * 1024;

/// Of the memory that there is, bodies may take one part in so many.
const MEMORY_PART: u64 = 4;

/// Opens the journal, and a clock that goes on where it left off.
pub(crate) fn open(flags: &Serve) -> Result<(Opened, Clock, Duration), Failure> {
    let mut new_key = [0; 32];
    getrandom::fill(&mut new_key).expect("the system has random bytes");
    let options = Options {
        segment_bytes: segment_bytes(flags),
        memory_budget: memory_budget(flags),
        new_key,
    };
    let watch = Clock::new();
    let began = watch.now();
    let mut told = began;
    let progress = |Progress { bytes, of, entries }: Progress| {
        if watch.now().since(told) >= TELL_EVERY {
            told = watch.now();
            let percent = bytes * 100 / of.max(1);
            info!(entries, bytes, "reading the journal: {percent} %");
        }
    };
    let folder = &flags.data_dir;
    let unusable = |error| Failure::Journal(folder.clone(), error);
    if broken_off(folder).map_err(unusable)? {
        return Err(Failure::BrokenOff(folder.clone()));
    }
    let opened = FileJournal::open(folder, &options, progress).map_err(unusable)?;
    let took = watch.now().since(began);
    tell(&opened, flags, took);
    if opened.read.entries == 0 {
        return Ok((opened, Clock::new(), took));
    }
    let tied = opened.state.tied();
    let clock = Clock::going_on(opened.last, tied, flags.max_clock_jump.0)
        .map_err(|Jump(gap)| Failure::Jump(gap))?;
    let away = clock.now().since(opened.last).as_secs();
    info!(seconds = away, "goes on where the journal left off, {away} s later by the clock");
    Ok((opened, clock, took))
}

fn tell(opened: &Opened, flags: &Serve, took: Duration) {
    let Opened { state, read, cut, sealed, .. } = opened;
    if let Some(cut) = cut {
        warn!(
            file = %cut.file.display(),
            offset = cut.offset,
            bytes = cut.bytes,
            "cut off an append that was not finished: nobody was told that it was done",
        );
    }
    let folder = flags.data_dir.display();
    if read.entries == 0 {
        info!("a new journal is in {folder}");
        return;
    }
    let counts = state.counts();
    info!(
        entries = read.entries,
        jobs = counts.jobs,
        queues = counts.queues,
        events = counts.events,
        locks = counts.locks,
        leases = counts.leases,
        seconds = took.as_secs_f64(),
        "read the journal in {folder}{}",
        if *sealed { "" } else { ", which was not closed in order" },
    );
}

/// Whatever is put fits into one segment, so that the room for it was set aside before it came. Tests
/// may want it otherwise: then a segment grows when it has to.
fn segment_bytes(flags: &Serve) -> u64 {
    let largest = flags.max_body.0 as u64 + AROUND_A_BODY;
    flags.segment_size.map_or_else(|| largest.max(SEGMENT_BYTES), |size| size.0 as u64)
}

/// What the operator set, or a part of the memory that this process may use.
pub(crate) fn memory_budget(flags: &Serve) -> u64 {
    match flags.memory_budget {
        Some(budget) => budget.0 as u64,
        None => memory() / MEMORY_PART,
    }
}

/// What jobs may take of it.
pub(crate) fn memory_max(flags: &Serve) -> u64 {
    flags.max_memory.of(memory())
}

/// The machine's memory, or what the control groups allow if that is less.
fn memory() -> u64 {
    let info = sysinfo();
    #[allow(clippy::useless_conversion)] // their types differ between systems
    let machine = u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    allowed(&groups, |file| fs::read_to_string(file).ok()).map_or(machine, |most| most.min(machine))
}

/// What the control groups allow, if they do not allow everything. Each line of `/proc/self/cgroup` is
/// a number, controllers and a group. Those around a group bind it as well, up to the one that is
/// mounted: in a container that may be all that can be seen.
fn allowed(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let places = groups.lines().filter_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        let memory = controllers.split(',').any(|controller| controller == "memory");
        match controllers {
            "" => Some(("/sys/fs/cgroup", "memory.max", group)),
            _ if memory => Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", group)),
            _ => None,
        }
    });
    let limits = places.flat_map(|(mount, file, group)| {
        let around = Path::new(group).ancestors().filter_map(Path::to_str);
        around.map(move |group| format!("{mount}{}/{file}", group.trim_end_matches('/')))
    });
    // `max` is no number, and no limit.
    limits.filter_map(|file| read(&file)?.trim().parse().ok()).min()
}

/// What to do about a journal that cannot be opened.
pub(crate) fn advice(error: &OpenError, folder: &Path) -> String {
    let folder = folder.display();
    match error {
        OpenError::Damaged { .. } | OpenError::Missing(_) => format!(
            "nothing was changed. `awaitd journal verify {folder}` says more, `awaitd journal dump \
             {folder}` shows what can be read; put the file back, or start from a backup with \
             `awaitd restore`"
        ),
        OpenError::Version(..) => "use the version that wrote it, or a newer one".into(),
        OpenError::Locked(..) => "stop that one, or give this one another --data-dir".into(),
        OpenError::Io(_, error) => io_advice(error).into(),
    }
}

/// What to do about a call that failed.
fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "this user must be able to read and write --data-dir and all that is in it"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "--data-dir must be a directory, or the name of a new one"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on its disk, then start again"
        }
        _ if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
            "the journal has a file for every 16 MiB: raise the limit on open files (`ulimit -n`)"
        }
        _ => {
            "the disk failed: look at it, and at what the system's log says of it, before you start again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least that a group or one around it allows, in both versions of control groups.
    #[test]
    fn the_least_that_a_control_group_allows() {
        let systemd = "0::/system.slice/awaitd.service\n";
        let old = "9:name=systemd:/x\n5:cpu,memory:/docker/abc\n4:cpuset:/y\n0::/\n";
        let slice = ("/sys/fs/cgroup/system.slice/memory.max", "4096\n");
        let service = ("/sys/fs/cgroup/system.slice/awaitd.service/memory.max", "8192\n");
        let unbound = (service.0, "max\n");
        let root = ("/sys/fs/cgroup/memory.max", "512\n");
        let old_root = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        let old_group = ("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "2048\n");
        for (groups, files, most) in [
            (systemd, &[service][..], Some(8_192)),
            (systemd, &[service, slice], Some(4_096)),
            (systemd, &[unbound, slice], Some(4_096)),
            (systemd, &[unbound], None),
            (systemd, &[service, root], Some(512)),
            ("0::/\n", &[service, root], Some(512)),
            (old, &[old_root, old_group, service], Some(2_048)),
            (old, &[old_root], Some(9_223_372_036_854_771_712)),
            ("", &[service, root, old_root], None),
            ("nonsense\n", &[root], None),
        ] {
            let read = |file: &str| {
                let (_, text) = files.iter().find(|(name, _)| *name == file)?;
                Some((*text).to_owned())
            };
            assert_eq!(allowed(groups, read), most, "{groups} {files:?}");
        }
    }

    /// Whose disk fails is not told to look at permissions.
    #[test]
    fn advice_is_about_what_failed() {
        let words = |errno: Errno| io_advice(&errno.into());
        for (errno, word) in [
            (Errno::IO, "the disk failed"),
            (Errno::ACCESS, "this user"),
            (Errno::ROFS, "this user"),
            (Errno::NOTDIR, "a directory"),
            (Errno::EXIST, "a directory"),
            (Errno::NOSPC, "make room"),
            (Errno::DQUOT, "make room"),
            (Errno::MFILE, "open files"),
        ] {
            assert!(words(errno).contains(word), "{errno}: {}", words(errno));
        }
    }
}
