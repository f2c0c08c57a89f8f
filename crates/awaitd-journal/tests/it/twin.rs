//! A disk in memory: it fails where it is told to, and shows what a crash at any moment may leave.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use awaitd_journal::disk::{Disk, DiskFile};

/// What a disk writes whole or not at all, at the least.
const SECTOR: usize = 512;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Io,
    /// There is no room.
    Full,
    /// A part of what was to be written is.
    Short,
}

/// How everything ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    /// The process is gone, the machine is not: what was not synced is still to be read.
    Killed,
    /// Power is gone, and with it all that was not synced.
    Dropped,
    /// Power is gone, and some blocks of this size, sizes and names that were not synced are there.
    Torn { block: usize, seed: u64 },
}

/// A call that changes something.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
    SyncNames,
    Grow(usize, usize),
    Write(usize, usize, Vec<u8>),
    Sync(usize),
}

/// A file, by whatever name.
#[derive(Clone, Debug, Default)]
struct Inode {
    /// As it reads.
    seen: Vec<u8>,
    /// As it is on the disk.
    kept: Vec<u8>,
    /// Sectors that a sync would write.
    dirty: BTreeSet<usize>,
}

/// A name that goes, and one that comes.
type Renaming = (Option<String>, Option<(String, usize)>);

/// All that is on the disk, and in memory before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    inodes: Vec<Inode>,
    /// As they read.
    names: BTreeMap<String, usize>,
    /// As they are on the disk.
    kept: BTreeMap<String, usize>,
    /// What is to be done to those, in order.
    pending: Vec<Renaming>,
    /// Calls so far.
    pub(crate) calls: u64,
    /// The call that fails, and how.
    pub(crate) plan: Option<(u64, Fault)>,
    /// What of a failed sync is on the disk all the same.
    pub(crate) luck: u64,
    /// The plan was carried out.
    pub(crate) failed: bool,
    /// So many bytes fit.
    pub(crate) room: Option<usize>,
    /// All changes, if they are to be kept.
    pub(crate) trace: Option<Vec<Change>>,
}

impl World {
    /// An empty one that keeps a trace of all changes.
    pub(crate) fn traced() -> Self {
        Self { trace: Some(Vec::new()), ..Self::default() }
    }

    /// An empty one that fails in this call.
    pub(crate) fn failing(call: u64, fault: Fault) -> Self {
        Self { plan: Some((call, fault)), ..Self::default() }
    }

    /// An empty one into which so many bytes fit.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { room: Some(bytes), ..Self::default() }
    }

    /// The same one, failing in this call, with a trace of what is changed until then.
    pub(crate) fn to_fail(&self, call: u64, fault: Fault) -> Self {
        Self { plan: Some((call, fault)), trace: Some(Vec::new()), ..self.clone() }
    }

    /// Does what a call asks.
    pub(crate) fn change(&mut self, change: &Change) -> io::Result<usize> {
        let missing = || io::Error::from(ErrorKind::NotFound);
        match change {
            Change::Create(name, bytes) => {
                if self.names.contains_key(name) {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                let inode = self.inodes.len();
                self.inodes.push(Inode { seen: vec![0; *bytes], ..Inode::default() });
                self.names.insert(name.clone(), inode);
                self.pending.push((None, Some((name.clone(), inode))));
                return Ok(inode);
            }
            Change::Rename(from, to) => {
                let inode = self.names.remove(from).ok_or_else(missing)?;
                self.names.insert(to.clone(), inode);
                self.pending.push((Some(from.clone()), Some((to.clone(), inode))));
            }
            Change::Remove(name) => {
                self.names.remove(name).ok_or_else(missing)?;
                self.pending.push((Some(name.clone()), None));
            }
            Change::SyncNames => {
                self.kept = self.names.clone();
                self.pending.clear();
            }
            Change::Grow(inode, bytes) => {
                let seen = &mut self.inodes[*inode].seen;
                seen.resize(seen.len().max(*bytes), 0);
            }
            Change::Write(inode, offset, bytes) => {
                let Inode { seen, dirty, .. } = &mut self.inodes[*inode];
                let end = offset + bytes.len();
                seen.resize(seen.len().max(end), 0);
                seen[*offset..end].copy_from_slice(bytes);
                dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
            }
            Change::Sync(inode) => self.inodes[*inode].sync(|_| true),
        }
        Ok(0)
    }

    /// What of a call is done though it fails.
    fn fail(&mut self, change: &Change, fault: Fault) -> io::Error {
        self.failed = true;
        let part = match change {
            Change::Write(inode, offset, bytes) if fault == Fault::Short => {
                Some(Change::Write(*inode, *offset, bytes[..bytes.len() / 2].to_vec()))
            }
            Change::Create(name, bytes) if fault != Fault::Io => Some(Change::Create(
                name.clone(),
                if fault == Fault::Short { bytes / 2 } else { 0 },
            )),
            Change::Grow(inode, bytes) if fault == Fault::Short => {
                Some(Change::Grow(*inode, bytes - bytes / 4))
            }
            _ => None,
        };
        if let Some(part) = part {
            _ = self.change(&part);
        }
        if let Change::Sync(inode) = change {
            // Some of it may be on the disk; of the rest no later sync knows.
            let mut random = fastrand::Rng::with_seed(self.calls + self.luck);
            self.inodes[*inode].sync(|_| random.bool());
        }
        error(fault)
    }

    /// What a crash leaves, as the next process finds it.
    pub(crate) fn after(&self, crash: Crash) -> Self {
        let Self { inodes, names, kept, pending, .. } = self;
        let left = Self { room: self.room, ..Self::default() };
        let (block, seed) = match crash {
            Crash::Killed => {
                let (inodes, names) = (inodes.clone(), names.clone());
                let (kept, pending) = (kept.clone(), pending.clone());
                return Self { inodes, names, kept, pending, ..left };
            }
            Crash::Dropped => (SECTOR, None),
            Crash::Torn { block, seed } => (block, Some(seed)),
        };
        let mut random = fastrand::Rng::with_seed(seed.unwrap_or_default());
        let mut luck = || seed.is_some() && random.bool();
        let mut names = kept.clone();
        for (goes, comes) in pending {
            if luck() {
                goes.as_ref().map(|name| names.remove(name));
                names.extend(comes.clone());
            }
        }
        let mut found = vec![Inode::default(); inodes.len()];
        for inode in names.values() {
            let Inode { seen, kept, dirty } = &inodes[*inode];
            let mut now = Inode { kept: kept.clone(), ..Inode::default() };
            if luck() {
                now.kept.resize(seen.len(), 0);
            }
            let mut blocks = BTreeMap::new();
            for sector in dirty {
                if *blocks.entry(sector * SECTOR / block).or_insert_with(&mut luck) {
                    now.write(seen, *sector);
                }
            }
            now.seen.clone_from(&now.kept);
            found[*inode] = now;
        }
        Self { inodes: found, kept: names.clone(), names, ..left }
    }

    /// Names and bytes of all files, as they read.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let bytes =
            |(name, inode): (&String, &usize)| (name.clone(), self.inodes[*inode].seen.clone());
        self.names.iter().map(bytes).collect()
    }

    /// A disk with these files.
    pub(crate) fn of(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut world = Self::default();
        for (name, bytes) in files {
            world.names.insert(name, world.inodes.len());
            let (seen, dirty) = (bytes.clone(), BTreeSet::new());
            world.inodes.push(Inode { seen, kept: bytes, dirty });
        }
        world.kept = world.names.clone();
        world
    }
}

impl Inode {
    /// Writes what is not written yet, as far as the disk does it.
    fn sync(&mut self, mut does: impl FnMut(usize) -> bool) {
        if does(0) {
            self.kept.resize(self.seen.len(), 0);
        }
        let seen = std::mem::take(&mut self.seen);
        for sector in std::mem::take(&mut self.dirty) {
            if does(sector) {
                self.write(&seen, sector);
            }
        }
        self.seen = seen;
    }

    /// A sector comes to the disk; not beyond the size that is there.
    fn write(&mut self, seen: &[u8], sector: usize) {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(seen.len()).min(self.kept.len());
        if start < end {
            self.kept[start..end].copy_from_slice(&seen[start..end]);
        }
    }
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::Io | Fault::Short => io::Error::from_raw_os_error(5),
        Fault::Full => ErrorKind::StorageFull.into(),
    }
}

/// The disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twin(Arc<Mutex<World>>);

/// An open file of it, whatever becomes of its name.
#[derive(Debug)]
pub(crate) struct TwinFile(Twin, usize);

impl Twin {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// Whether nobody else has it, or a file of it.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// A bit of a file is another from now on.
    pub(crate) fn flip(&self, name: &str, byte: usize) {
        let mut world = self.world();
        let inode = world.names[name];
        world.inodes[inode].seen[byte] ^= 1;
    }

    /// A call that changes nothing.
    fn look(&self) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.world();
        world.calls += 1;
        match world.plan {
            Some((call, fault)) if call == world.calls => {
                world.failed = true;
                Err(error(fault))
            }
            _ => Ok(world),
        }
    }

    fn change(&self, change: Change) -> io::Result<usize> {
        let mut world = self.world();
        world.calls += 1;
        if let Some((call, fault)) = world.plan
            && call == world.calls
        {
            return Err(world.fail(&change, fault));
        }
        let more = if let Change::Create(_, bytes) = &change { *bytes } else { 0 };
        let taken: usize = world.names.values().map(|inode| world.inodes[*inode].seen.len()).sum();
        if world.room.is_some_and(|room| taken + more > room) {
            return Err(world.fail(&change, Fault::Full));
        }
        let done = world.change(&change)?;
        if let Some(trace) = &mut world.trace {
            trace.push(change);
        }
        Ok(done)
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a small file")
}

impl Disk for Twin {
    type File = TwinFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.look()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<TwinFile> {
        let inode = self.change(Change::Create(name.into(), size(bytes)))?;
        Ok(TwinFile(self.clone(), inode))
    }

    fn open(&self, name: &str) -> io::Result<TwinFile> {
        let inode = self.look()?.names.get(name).copied();
        Ok(TwinFile(self.clone(), inode.ok_or(ErrorKind::NotFound)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Change::Rename(from.into(), to.into())).map(|_| ())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Change::Remove(name.into())).map(|_| ())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.change(Change::SyncNames).map(|_| ())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("twin").join(name)
    }
}

impl DiskFile for TwinFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.look()?.inodes[self.1].seen.len() as u64)
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        self.0.change(Change::Grow(self.1, size(bytes))).map(|_| ())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.change(Change::Write(self.1, size(offset), bytes.into())).map(|_| ())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.0.look()?;
        let there = world.inodes[self.1].seen.get(size(offset)..).unwrap_or_default();
        let length = there.len().min(bytes.len());
        bytes[..length].copy_from_slice(&there[..length]);
        Ok(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.change(Change::Sync(self.1)).map(|_| ())
    }
}
