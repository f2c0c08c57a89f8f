//! The disk, as far as the journal needs one: a folder with files, behind a small trait, so that tests
//! can fail each call, lose what was not synced, and flip bits.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2, retry_on_intr};

/// A folder. Clones are the same one.
pub trait Disk: Clone + fmt::Debug + Send + Sync + 'static {
    /// A file in it.
    type File: DiskFile;

    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file of so many zeros, whose space on the disk is taken from now on. It must not be
    /// there yet.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;

    /// Opens a file to read and write it.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Whoever has it open may go on reading it.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable: what was created, renamed or removed before.
    fn sync_names(&self) -> io::Result<()>;

    /// How many bytes whoever writes here may still take; `None` if nobody can tell.
    fn free(&self) -> Option<u64> {
        None
    }

    /// The file as people name it, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync + 'static {
    /// How long it is.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes it longer by zeros whose space on the disk is taken from now on.
    fn grow(&self, bytes: u64) -> io::Result<()>;

    /// Writes all of it there.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads as much as there is, until `bytes` is full.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The same, if that needs no waiting for the disk; `None` if it does, or nobody can tell.
    fn read_now_at(&self, _bytes: &mut [u8], _offset: u64) -> Option<usize> {
        None
    }

    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
}

/// A real folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A folder, which is made if it is not there. Only its owner may look into it.
    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        make_folder(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn place(&self) -> &Path {
        &self.0
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name()));
        names.map(|name| name.map(|name| name.to_string_lossy().into_owned())).collect()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(self.path(name))?;
        file.grow(bytes)?;
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn free(&self) -> Option<u64> {
        // Not what is free, of which some is root's alone.
        let disk = statvfs(&self.0).ok()?;
        Some(disk.f_bavail * disk.f_frsize)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let set_aside = || fallocate(self, FallocateFlags::empty(), 0, bytes);
        match retry_on_intr(set_aside) {
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(self, bytes),
            done => Ok(done?),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match FileExt::read_at(self, &mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn read_now_at(&self, bytes: &mut [u8], offset: u64) -> Option<usize> {
        let buffers = &mut [IoSliceMut::new(bytes)];
        // Whatever is in the way, who waits for the disk meets it as well.
        preadv2(self, buffers, offset, ReadWriteFlags::NOWAIT).ok()
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Makes a folder and those that it lies in, each of them durably. The parent is synced even if the
/// folder is there: whoever made it may have been killed before.
fn make_folder(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        None => return Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    };
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(parent)?;
            return make_folder(path);
        }
        Err(error) if !path.is_dir() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    File::open(parent)?.sync_all()
}

/// For file systems that cannot set space aside: writes what is missing.
fn write_zeros(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut offset = DiskFile::len(file)?;
    while offset < bytes {
        let piece = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(&zeros[..piece], offset)?;
        offset += piece as u64;
    }
    Ok(())
}

/// Whether an error says that there is no room, or that too many files are open, which passes.
pub fn is_passing(error: &io::Error) -> bool {
    let files = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    full || error.raw_os_error().is_some_and(|code| files.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where room cannot be set aside, it is taken by writing to it, and what is there stays.
    #[test]
    fn zeros_take_the_room_that_is_missing() {
        let path = std::env::temp_dir().join(format!("awaitd-zeros-{}", std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.expect("there is room for tests");
        fs::remove_file(&path).expect("it is there");
        write_zeros(&file, 3).expect("there is room");
        assert_eq!(DiskFile::len(&file).expect("it is there"), 3);
        file.write_all_at(b"there", 0).expect("there is room");
        for bytes in [5_u64, 100, 70_000, 3 << 16, 9] {
            let before = DiskFile::len(&file).expect("it is there");
            write_zeros(&file, bytes).expect("there is room");
            let mut all = vec![1; 1 << 18];
            let read = DiskFile::read_at(&file, &mut all, 0).expect("it is there");
            assert_eq!(read as u64, before.max(bytes));
            assert_eq!(&all[..5], b"there");
            assert!(all[5..read].iter().all(|byte| *byte == 0));
        }
    }
}
