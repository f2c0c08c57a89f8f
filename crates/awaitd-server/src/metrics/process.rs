//! What the system knows of this process. What a system does not tell is left out.

use std::fs;
use std::path::Path;

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Seconds of CPU, in user and system mode together.
    pub(super) cpu_seconds: f64,
    /// Virtual and resident memory, in bytes.
    pub(super) memory: Option<[f64; 2]>,
    /// Open file descriptors.
    pub(super) open_fds: Option<f64>,
    /// How many there may be; `None` if there is no limit.
    pub(super) max_fds: Option<f64>,
}

impl Usage {
    /// At this moment.
    pub(super) fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            memory: memory(),
            open_fds: open_fds(),
            max_fds: getrlimit(Resource::Nofile).current.map(|max| max as f64),
        }
    }
}

fn memory() -> Option<[f64; 2]> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').map(|field| field.parse::<f64>().ok());
    Some([pages.next()??, pages.next()??].map(|pages| pages * page_size() as f64))
}

fn open_fds() -> Option<f64> {
    let fds = Path::new("/proc/self/fd");
    // Linux tells their number as the size since 6.2; before that they have to be counted, and the
    // one that counts is not meant.
    match fs::metadata(fds).ok()?.len() {
        0 => Some(fs::read_dir(fds).ok()?.count().saturating_sub(1) as f64),
        size => Some(size as f64),
    }
}
